"""Work on a Dask cluster, through Dask's own client. All of its machines must see the dataset under the same path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import creativeml
from creativeml.data.crew import Crew, Hired
from creativeml.errors import CreativeMLError

_CONNECTING_S = 15


@contextlib.contextmanager
def cluster(address: str, paths: tuple[Path, ...] = ()) -> Iterator[Crew]:
    """The workers of a cluster as a crew for `prepare_dataset` and `describe_dataset`.

    A worker that dies is no matter: the scheduler gives its sounds to others. A sound that was with more workers that
    died than the scheduler's `allowed-failures` (3 if not set) is tried once more with nothing beside it, and refused
    by name if they die again.

    Args:
        address: of the scheduler, such as "tcp://scheduler:8786".
        paths: folders that all workers must see as this process does.

    Raises:
        CreativeMLError: no `distributed` here, no scheduler there, no workers, or workers that do not see the paths or
            have another version of creativeml.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise CreativeMLError("a cluster needs Dask: pip install 'creativeml[cluster]'") from error
    try:
        client: Any = Client(address, timeout=_CONNECTING_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CreativeMLError(f"{address}: no Dask scheduler answers there ({error}); check --cluster") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise CreativeMLError(f"{address}: the cluster has no workers; start some with `dask worker {address}`")
        try:
            seen = client.run(_sees, [str(path.absolute()) for path in paths])
        except Exception as error:  # whatever a worker without creativeml raises
            raise CreativeMLError(
                f"{address}: creativeml cannot be used on a worker ({error}); install it there"
            ) from error
        for worker, (version, missing) in seen.items():
            if missing:
                raise CreativeMLError(f"{missing}: {worker} does not see it; a cluster needs a file system of all")
            if version != creativeml.__version__:
                raise CreativeMLError(
                    f"{worker} has creativeml {version}, here is {creativeml.__version__}; install the same everywhere"
                )
        executor = client.get_executor(pure=False)
        try:
            yield Hired(executor, threads, (KilledWorker,))
        finally:
            executor.shutdown(wait=False)


def _sees(paths: list[str]) -> tuple[str, str]:
    """On a worker: its version, and the first path that it does not see."""
    missing = [path for path in paths if not Path(path).exists()]
    return creativeml.__version__, missing[0] if missing else ""
