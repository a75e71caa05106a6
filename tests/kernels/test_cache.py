"""The cache of compiled kernels: hit by a second process, never rewritten, the user's own or not used at all."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import losskit
from losskit.errors import CacheWarning
from losskit.kernels.folder import kernel_folder, publish

CALL = "import losskit as lk; assert lk.SquaredError()([0.0], [3.0]) == 9.0"
FOLDER = "from losskit.kernels.folder import kernel_folder; print(kernel_folder('f'))"
NOBODY = 54321
folder_of = kernel_folder.__wrapped__  # without its memory


def begin(code: str, cache: Path | None, options: tuple[str, ...] = ("-W", "error"), **more: str):
    environment = {k: v for k, v in os.environ.items() if k not in ("LOSSKIT_CACHE_DIR", "XDG_CACHE_HOME")} | more
    if cache is not None:
        environment["LOSSKIT_CACHE_DIR"] = str(cache)
    return subprocess.Popen(
        [sys.executable, *options, "-c", code],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
    )


def end(process) -> tuple[str, str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err[-2000:]
    return out.strip(), err


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Path:
    """A folder that two processes, started cold at the same time, have filled."""
    cache = tmp_path_factory.mktemp("cache") / "new" / "cache"
    for process in [begin(CALL, cache) for _ in range(2)]:
        end(process)
    return cache


def test_two_processes_may_start_cold_at_the_same_time(warm):
    files = contents(warm)
    assert sum(name.endswith(".o") for name in files) == sum(name.endswith(".py") for name in files) == 1
    assert not [name for name in files if ".new-" in name]


def test_a_second_process_compiles_nothing_and_rewrites_nothing(warm):
    before = contents(warm)
    end(begin(CALL + "; import sys; assert 'numba' not in sys.modules", warm))
    assert contents(warm) == before


def test_the_folder_is_the_users_own(warm):
    for folder in (warm, *warm.iterdir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.geteuid()
    for file in warm.glob("kernels-*/*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_a_tampered_source_is_noticed_and_not_run(warm, tmp_path):
    cache = tmp_path / "cache"
    shutil.copytree(warm, cache)
    (source,), (made,) = (list(cache.glob(f"kernels-*/*.{kind}")) for kind in ("py", "o"))
    made.unlink()
    source.write_text(source.read_text() + "\nraise SystemExit('mine')\n")
    _, warned = end(begin(CALL, cache, ("-W", "always")))
    assert "CacheWarning" in warned
    assert str(source) in warned
    assert "remove it" in warned
    assert "mine" in source.read_text()  # not ours to repair
    assert not made.exists()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:], lambda b: b""])
def test_a_damaged_object_is_noticed_and_not_run(warm, tmp_path, damage):
    cache = tmp_path / "cache"
    shutil.copytree(warm, cache)
    (made,) = cache.glob("kernels-*/*.o")
    made.write_bytes(damage(made.read_bytes()))
    before = contents(cache)
    _, warned = end(begin(CALL, cache, ("-W", "always")))
    assert f"{made} is damaged" in warned
    assert contents(cache) == before  # not ours to repair


@pytest.mark.skipif(shutil.which("nm") is None, reason="binutils list the symbols")
def test_an_object_needs_nothing_of_numba(warm, tmp_path):
    (made,) = warm.glob("kernels-*/*.o")
    (tmp_path / "kernel.o").write_bytes(made.read_bytes()[32:])
    listed = subprocess.run(["nm", tmp_path / "kernel.o"], capture_output=True, check=True, text=True).stdout
    assert " T " in listed
    undefined = {line.split()[-1] for line in listed.splitlines() if " U " in line}
    assert all(name.startswith(("Py", "_Py_NoneStruct", "_GLOBAL_OFFSET_TABLE_")) for name in undefined)


# -- folders that may not hold code we will run


def _file(path: Path) -> None:
    path.write_text("")


def _link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(mode=0o700)
    path.symlink_to(path.parent / "elsewhere")


def _shared(path: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


def _world(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    path.mkdir(mode=0o700)
    os.chown(path, NOBODY, NOBODY)


def _inside(make):
    def act(path: Path) -> None:
        path.mkdir(mode=0o700)
        make(path / "kernels-f")

    return act


PLACES = {
    "a file": (_file, "exists|not a folder"),
    "a link": (_link, "not a folder"),
    "group-writable": (_shared, "others may write"),
    "world-writable": (_world, "others may write"),
    "foreign": (_foreign, f"user {NOBODY}"),
    "a file inside": (_inside(_file), "exists|not a folder"),
    "a link inside": (_inside(_link), "not a folder"),
    "writable inside": (_inside(_world), "others may write"),
    "foreign inside": (_inside(_foreign), f"user {NOBODY}"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_is_not_the_users_own_is_replaced_by_a_temporary_one(place, tmp_path, monkeypatch):
    make, why = PLACES[place]
    cache = tmp_path / "cache"
    make(cache)
    monkeypatch.setenv("LOSSKIT_CACHE_DIR", str(cache))
    with pytest.warns(CacheWarning, match=f"{cache}.*({why}).*LOSSKIT_CACHE_DIR"):
        folder = folder_of("f")
    assert folder.is_dir()
    assert tmp_path not in folder.parents
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


@pytest.mark.parametrize("place", ["a link", "group-writable", "world-writable", "foreign"])
def test_nothing_is_written_into_a_folder_that_is_refused(place, tmp_path, monkeypatch):
    PLACES[place][0](tmp_path / "cache")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("LOSSKIT_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.warns(CacheWarning):
        folder_of("f").rmdir()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_good_folder_is_used_without_a_word_and_made_with_its_parents(tmp_path, monkeypatch):
    monkeypatch.setenv("LOSSKIT_CACHE_DIR", str(tmp_path / "a" / "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert folder_of("f") == tmp_path / "a" / "b" / "kernels-f" == folder_of("f")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_home_that_cannot_be_written_still_gives_a_right_answer():
    _, warned = end(begin(CALL, None, ("-W", "always"), HOME="/proc/self"))
    assert "CacheWarning" in warned
    assert "/proc/self/.cache/losskit" in warned


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_user_who_may_not_write_gets_a_temporary_folder(tmp_path):
    code = f"import os, tempfile, losskit.kernels.folder; os.setuid({NOBODY}); " + FOLDER
    folder, warned = end(begin(code, tmp_path / "cache", ("-W", "always")))
    assert "CacheWarning" in warned
    assert "denied" in warned
    assert str(tmp_path) not in folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_home_that_is_not_known_is_answered_by_a_temporary_folder(monkeypatch):
    monkeypatch.setenv("LOSSKIT_CACHE_DIR", "~nobody-of-that-name/cache")
    with pytest.warns(CacheWarning, match="home"):
        folder_of("f").rmdir()


def test_a_temporary_folder_goes_with_its_process():
    code = "import os; os.environ['LOSSKIT_CACHE_DIR'] = '/proc/self/x'; " + FOLDER
    folder, _ = end(begin(code, None, ("-W", "ignore")))
    left = Path(folder).exists()
    shutil.rmtree(folder, ignore_errors=True)
    assert not left


def test_folders_of_other_versions_that_nothing_used_for_long_are_swept(tmp_path, monkeypatch):
    old, young, alien = (tmp_path / name for name in ("kernels-old", "kernels-young", "notes"))
    for folder in (old, young, alien):
        folder.mkdir()
        (folder / "x").write_text("")
    (tmp_path / "kernels-link").symlink_to(alien)
    for folder in (old, alien):
        os.utime(folder, (0, 0))
    tmp_path.chmod(0o700)
    monkeypatch.setenv("LOSSKIT_CACHE_DIR", str(tmp_path))
    folder_of("f")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kernels-f", "kernels-link", "kernels-young", "notes"]


# -- publishing


def test_a_file_is_created_once(tmp_path):
    path = publish(tmp_path, "kernel_x.py", b"a = 1\n")
    before = contents(tmp_path)
    assert publish(tmp_path, "kernel_x.py", b"a = 1\n") == path
    assert contents(tmp_path) == before
    assert list(before) == ["kernel_x.py"]


@pytest.mark.parametrize("link", [False, True])
def test_a_file_of_another_text_or_a_link_is_left_alone(tmp_path, link):
    path = tmp_path / "kernel_x.py"
    (tmp_path / "target.py").write_text("a = 1\n")
    if link:
        path.symlink_to(tmp_path / "target.py")
    else:
        path.write_text("a = 2\n")
    with pytest.warns(CacheWarning, match=r"kernel_x\.py is not the kernel it should be; remove it"):
        elsewhere = publish(tmp_path, "kernel_x.py", b"a = 1\n")
    assert elsewhere.parent != tmp_path
    assert elsewhere.read_text() == "a = 1\n"
    shutil.rmtree(elsewhere.parent)


def test_the_version_of_losskit_is_part_of_the_folders_name(warm):
    from losskit.kernels.compile import _fingerprint

    assert losskit.__version__
    assert [p.name for p in warm.iterdir()] == [f"kernels-{_fingerprint()}"]
