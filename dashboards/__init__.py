"""The screens of the shop floor."""
