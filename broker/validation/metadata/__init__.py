"""The metadata layer: named rules on what the sender says of a document against what it says of itself (semd.md §5.4).

РЭМД refuses every such difference; what it was seen to compare blocks here, what we compare besides warns.
"""
