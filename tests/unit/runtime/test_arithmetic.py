from __future__ import annotations

import os
from pathlib import Path

import pytest

from rephase.errors import CannotRunHere
from rephase.manifest.schema import Arithmetic
from rephase.runtime import arithmetic

HASWELL = "fpu sse sse2 avx f16c fma movbe abm bmi1 avx2 bmi2"


@pytest.fixture
def cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose CPU flags and start a test decides."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    info, started = tmp_path / "cpuinfo", tmp_path / "environ"
    info.write_text(f"processor\t: 0\nflags\t\t: {HASWELL}\n")
    started.write_bytes(b"PATH=/bin\0")
    monkeypatch.setattr(arithmetic, "_CPUINFO", info)
    monkeypatch.setattr(arithmetic, "_STARTED_WITH", started)
    return tmp_path


def test_the_users_own_words_to_the_libraries_do_not_count() -> None:
    users = {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "7",
        "MKL_NUM_THREADS": "7",
        "MKL_CBWR": "AVX512",
        "MKL_DYNAMIC": "FALSE",
        "KMP_AFFINITY": "compact",
        "NPY_DISABLE_CPU_FEATURES": "AVX2",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "ATEN_CPU_CAPABILITY": "avx512",
        "GLIBC_TUNABLES": "glibc.malloc.check=1:glibc.cpu.hwcaps=-FMA",
    }
    plain = arithmetic.environment({"PATH": "/bin"})

    assert arithmetic.environment(users) == plain | {"GLIBC_TUNABLES": "glibc.malloc.check=1"}
    assert plain["ATEN_CPU_CAPABILITY"] == "avx2"
    assert plain["MKL_CBWR"] == "COMPATIBLE"
    assert plain["OMP_NUM_THREADS"] == plain["MKL_NUM_THREADS"] == plain["OPENBLAS_NUM_THREADS"] == "1"
    assert not {"MKL_DYNAMIC", "KMP_AFFINITY", "NPY_DISABLE_CPU_FEATURES", "DNNL_MAX_CPU_ISA"} & set(plain)
    assert arithmetic.environment(plain) == plain


def test_what_makes_a_cpu_look_lesser_stays_so_that_it_can_be_tried() -> None:
    lesser = {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
    assert arithmetic.environment(lesser)["MKL_ENABLE_INSTRUCTIONS"] == "SSE4_2"


@pytest.mark.parametrize(("release", "names"), [("2.4.6", "X86_V3"), ("1.26.4", "FMA3 AVX2"), ("2.3.5", "FMA3 AVX2")])
def test_numpy_is_spoken_to_by_the_names_its_version_has(
    monkeypatch: pytest.MonkeyPatch, release: str, names: str
) -> None:
    monkeypatch.setattr(arithmetic, "version", lambda _: release)
    assert arithmetic.environment({})["NPY_ENABLE_CPU_FEATURES"].endswith(names)


@pytest.mark.parametrize(
    ("device", "machine", "lacks", "reason"),
    [
        ("cpu", "x86_64", "", ""),
        ("cuda", "x86_64", "", "it is for CPUs, and cuda computes"),
        ("cpu", "aarch64", "", "it is for x86-64 with Linux, and this is aarch64 with Linux"),
        ("cpu", "x86_64", "avx2", "this CPU lacks avx2"),
        ("cpu", "x86_64", "fma", "this CPU lacks fma"),
    ],
)
def test_says_why_it_cannot_be_had(
    cpu: Path, monkeypatch: pytest.MonkeyPatch, device: str, machine: str, lacks: str, reason: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    words = [word for word in HASWELL.split() if word != lacks]
    (cpu / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {' '.join(words)}\n")

    assert arithmetic.why_not(device) == reason
    told = arithmetic.used(Arithmetic.PORTABLE, device) if reason else {}
    assert told == ({"asked": "portable", "used": "native", "because": reason} if reason else {})
    assert len(arithmetic.remarks(told)) == 1 if reason else not told


def test_native_arithmetic_asks_for_nothing(cpu: Path) -> None:
    told = arithmetic.used(Arithmetic.NATIVE)
    assert told == {"asked": "native", "used": "native"}
    assert arithmetic.remarks(told, threads=4) == []


@pytest.mark.torch
def test_variables_set_after_the_start_do_not_count(cpu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in arithmetic.environment({}).items():
        monkeypatch.setenv(name, value)

    assert not arithmetic.is_started()
    with pytest.raises(CannotRunHere, match="was started without portable arithmetic"):
        arithmetic.used(Arithmetic.PORTABLE)

    started = arithmetic.environment({"PATH": "/bin"})
    (cpu / "environ").write_bytes(b"".join(f"{name}={value}\0".encode() for name, value in started.items()))
    assert arithmetic.is_started()


@pytest.mark.torch
def test_the_refusal_says_which_variables_to_start_with(cpu: Path) -> None:
    with pytest.raises(CannotRunHere) as caught:
        arithmetic.used(Arithmetic.PORTABLE)
    for name, value in arithmetic.environment({}).items():
        assert f"{name}={value}" in caught.value.remedy or f"{name}='{value}'" in caught.value.remedy


@pytest.mark.parametrize("kind", list(Arithmetic))
def test_workers_are_started_in_the_environment_and_the_own_one_comes_back(
    cpu: Path, monkeypatch: pytest.MonkeyPatch, kind: Arithmetic
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    before = dict(os.environ)
    with arithmetic.environment_of_workers(kind, "cpu"):
        inside = dict(os.environ)
    assert inside == (arithmetic.environment(before) if kind is Arithmetic.PORTABLE else before)
    assert os.environ == before


def test_a_command_is_started_again_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("sys.orig_argv", ["python", "-X", "utf8", "-m", "rephase", "run", "phase3"])
    monkeypatch.setattr("sys.executable", "/venv/bin/python")
    monkeypatch.setattr(os, "execve", lambda *words: started.append(words))
    arithmetic.restart()  # type: ignore[unreachable]
    ((program, words, environ),) = started
    assert (program, words) == (
        "/venv/bin/python",
        ["/venv/bin/python", "-X", "utf8", "-m", "rephase", "run", "phase3"],
    )
    assert environ == arithmetic.environment(os.environ)


def test_a_probe_that_differs_is_told() -> None:
    seen = dict(arithmetic.PROBED)
    assert arithmetic.strange(seen) == ""
    other = seen | {"C library": "sha256:" + "0" * 64, "numpy 9.9.9": "sha256:" + "1" * 64}
    assert "C library computes 000000000000, seen was " in arithmetic.strange(other)
    assert "numpy 9.9.9" in arithmetic.strange(other)
    told = {"asked": "portable", "used": "portable", "probe": other}
    assert arithmetic.remarks(told, threads=2)[0].startswith("portable arithmetic takes one thread a process, not 2")
    assert len(arithmetic.remarks(told)) == 1
