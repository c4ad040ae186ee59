"""Kinds and groups out of names."""

from __future__ import annotations

import pytest

from creativeml.data.classes import kind_of, slug_of, take_stem

KINDS_OF_NAMES = {
    "kick": "Kick, BD0000, 808 Kick Long, kik_2, BassDrum, bass drum 3, bd-hard, Kicks",
    "snare": "Snare, SD7575, sn_dolf, snare_01, Snares, Snare Rimshot",
    "hat_closed": "hat, HiHat, Hi-Hat, CH, hh_03, closed_hat, ClosedHat, chh, HHC, Hats, pedal hat",
    "hat_open": "open_hat, OpenHat01, Open HH 03, HH open, HHO, OH25, Hi-Hat Open, ohh, half open hat",
    "tom": "Tom, tom_hi, FloorTom, LT, HT10, Toms, mid tom 2",
    "rim": "rim, RimShot, side_stick, SideStick, cross stick, 808-RS, tom rim",
    "clap": "Clap, CP, hand clap, HandClap, Claps",
    "cowbell": "cowbell, CB, Cow Bell",
    "crash": "Crash, crash 16, Splash, china",
    "ride": "ride, RideBell, Ride Bell",
    "perc": "perc, Conga Hi, bongo, Shaker, tamb_1, Tambourine, Maracas, wood block",
}


@pytest.mark.parametrize(("kind", "names"), KINDS_OF_NAMES.items())
def test_names_that_people_give(kind, names):
    for name in names.split(", "):
        assert kind_of(name) == kind, name


@pytest.mark.parametrize(
    "name", ["chat_noir", "Overheads", "Bass", "FX 3", "pride", "stomp", "01", "", "what", "scrash"]
)
def test_a_word_inside_a_word_says_nothing(name):
    assert kind_of(name) is None


def test_every_kind_knows_its_own_name():
    from creativeml.kinds import KINDS

    assert [kind_of(k) for k in KINDS] == list(KINDS)


def test_slugs_are_safe_folder_names_and_distinct():
    assert slug_of("Glitch & Noise!") == "glitch_noise"
    assert slug_of("../../etc") == "etc"
    assert slug_of("CON") == "con_"
    assert slug_of("Trömmel") == "trommel"
    assert slug_of("太鼓") != slug_of("鉦") and slug_of("太鼓").isascii()
    assert len(slug_of("x" * 300)) <= 40


def test_takes_of_one_drum_share_a_stem():
    for names in (
        ["Snare_v127_rr2", "Snare_v001_rr1", "snare vel 3", "Snare-take 4"],
        ["Tom-L-01", "Tom-R-02", "tom_soft_3"],
        ["38-CajonSlap-L-04", "38-CajonSlap-R-10"],
    ):
        assert len({take_stem(n, numbers_are_takes=True) for n in names}) == 1, names
    assert take_stem("Kick 01", numbers_are_takes=True) == take_stem("Kick 02", numbers_are_takes=True)
    assert take_stem("Kick 01", numbers_are_takes=False) != take_stem("Kick 02", numbers_are_takes=False)
    assert take_stem("Kick v2 01", numbers_are_takes=False) == take_stem("Kick v1 02", numbers_are_takes=False)
    assert take_stem("bd_808", numbers_are_takes=False) != take_stem("bd_909", numbers_are_takes=False)
    assert take_stem("12", numbers_are_takes=True) == "12"
