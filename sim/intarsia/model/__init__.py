"""What each descriptor computes, in NumPy; and whole programs of several chips without gateware."""
