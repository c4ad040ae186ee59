"""Maps of sounds: every sound a point, like sounds near one another; and the canvas that shows them in a browser."""
