"""What the program is called, its version, and what it is not."""

__version__ = "0.1.0"
DISCLAIMER = "Research use only; not a medical device."
SYNTHETIC_WARNING = (
    "This model has seen simulated cases only: its answers show how the program works and say "
    "nothing about patients."
)
