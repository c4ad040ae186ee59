"""From a trained model to sounds on the disk: `load(name)`, `Instrument`, `export_sounds`, `remake`."""
