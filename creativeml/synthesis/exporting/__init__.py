"""Models as files that other programs run: `from creativeml.synthesis.exporting.engine import export_model`.

Not among the models, though encoders and classifiers are exported too: a generator's file must say how it is played,
its kinds and controls, what occurs among recordings, and the last touch, and that is known here. (`synthesis.export`
writes sounds.)
"""
