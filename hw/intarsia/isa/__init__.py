"""What parties must agree on, bit by bit."""

import warnings

# Amaranth warns of fields called `format`: its layouts have a method of that name. Views of them
# don't, so the fields are reached all the same.
warnings.filterwarnings("ignore", "Layout of a .* includes a field 'format'")
