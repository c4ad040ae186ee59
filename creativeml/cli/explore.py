"""`creativeml explore`: open the latent explorer in the browser."""

from __future__ import annotations

from pathlib import Path

from creativeml.cli.studio import open_app


def explore(
    *,
    model: str = "drums",
    data: Path | None = None,
    sounds: Path | None = None,
    per_kind: int = 40,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> int:
    """Open the latent explorer: a map of a model's sounds to play, walk and draw on, on this machine, without network.

    Args:
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        data: a dataset that `creativeml prepare` made, whose recordings are shown on the same map.
        sounds: any folder of wav, flac or other sound files, shown there too.
        per_kind: of the model's own sounds, so many of each kind are on the map, 2 to 200.
        host: address to listen on; any other than this machine's own needs --auth.
        port: 1 to 65535; by default the first free one from 7860 on.
        auth: user:password that the page asks for.
        browser: open the page in the browser (--no-browser only prints its address).
    """
    app = open_app("latent_explorer")
    app.serve(
        model=model,
        data=data,
        sounds=sounds,
        per_kind=per_kind,
        host=host,
        port=port,
        auth=auth,
        browser=browser,
    )
    return 0
