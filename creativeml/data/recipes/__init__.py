"""What the recipes in `datasets/` share: fetching packages without root, reading sound banks and drum kits, naming kinds."""
