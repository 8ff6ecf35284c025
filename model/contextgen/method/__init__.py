"""What the paper says and holds for any backbone: layout, joint sequence, blocks, grouping.

No torch, and no family of models.
"""
