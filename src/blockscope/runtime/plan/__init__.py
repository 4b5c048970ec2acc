"""What is still to do, and what it will take: ``python -m blockscope plan``."""
