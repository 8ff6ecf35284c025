"""Many scenes, none lost: the plan, what is done of it, the ledger, workers and their supervision, on one host or many.

It must never know what a model is: whoever renders is handed in.
"""
