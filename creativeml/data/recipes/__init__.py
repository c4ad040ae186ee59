"""What the recipes in `datasets/` share: packages without root, sound banks, drum kits, naming of kinds."""
