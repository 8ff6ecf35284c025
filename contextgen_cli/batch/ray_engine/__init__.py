"""A run whose ranks are actors of a Ray cluster: where they are, what they share, and what their deaths mean.

Ray places, starts and reaches them, and notices hosts that come and go. It must never know more of a job than its
cost and its position; plan, ledger, claims and events are those of every other run.
"""
