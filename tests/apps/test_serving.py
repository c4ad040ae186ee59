"""What all pages share: where they listen, their temporary files, how errors reach the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gradio
import pytest

from creativeml.errors import CreativeMLError


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
def test_this_machine_needs_no_password(serving, host):
    assert serving.Address(host).login is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_machines_need_one(serving, host):
    with pytest.raises(CreativeMLError, match="--auth"):
        serving.Address(host)
    assert serving.Address(host, auth="anna:se:cret").login == ("anna", "se:cret")


@pytest.mark.parametrize("auth", ["", "anna", "anna:", ":secret"])
def test_half_a_login_is_refused(serving, auth):
    with pytest.raises(CreativeMLError, match="user:password"):
        serving.Address(auth=auth)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_impossible_ports_are_refused(serving, port):
    with pytest.raises(CreativeMLError, match="--port"):
        serving.Address(port=port)


def test_errors_for_the_user_reach_the_page(serving):
    with pytest.raises(gradio.Error, match="too loud"), serving.shown_errors():
        raise CreativeMLError("too loud")
    with pytest.raises(ZeroDivisionError), serving.shown_errors():
        _ = 1 / 0


def test_temporary_files_go_with_the_process_and_proxies_stay_out():
    code = (
        "import os; from _shared.serving import prepare_environment as p; f = p(); (f / 'x').touch();"
        "print(f); print(os.environ['NO_PROXY']); print(os.environ['GRADIO_ANALYTICS_ENABLED'])"
    )
    from creativeml.files import project_folder

    apps = project_folder("apps")
    paths = os.pathsep.join([str(apps), str(apps.parent), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "NO_PROXY": "intra.example"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    folder, proxies, analytics = done.stdout.split()
    assert not Path(folder).exists()
    assert proxies == "intra.example,127.0.0.1,localhost" and analytics == "False"
