"""Model files come back equal, or not at all; files are written whole, or not at all."""

import json
import os
import pickle
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from losskit.errors import DataError, ModelFileError
from losskit.models import modelfile
from losskit.models.modelfile import atomic_write, load, save, to_json

HEAD = 49
ARRAYS = {"coef": np.array([1.5, np.nan, -np.inf]), "mask": np.array([[True], [False]]), "none": np.zeros((0, 3))}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.losskit"
    save(path, {"loss": "huber", "delta": 1.35, "notes": ["é\u2028</script>", None, True, -0.0, 2**63]}, ARRAYS)
    return path


def craft(path, document, body=b""):
    """A file with right checksums and whatever description."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(b"LOSSKIT1\n" + len(data).to_bytes(8, "little") + sha256(data).digest() + data + body)
    return path


def description(path):
    data = path.read_bytes()
    length = int.from_bytes(data[9:17], "little")
    return json.loads(data[HEAD : HEAD + length]), data[HEAD + length :]


def test_a_model_comes_back_equal(model):
    payload, arrays = load(model)
    assert payload == {"loss": "huber", "delta": 1.35, "notes": ["é\u2028</script>", None, True, -0.0, 2**63]}
    assert list(arrays) == list(ARRAYS)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
        assert array.flags.writeable


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
dtypes = st.sampled_from(["<f8", "<f4", "<i8", "<i4", "u1", "?", ">f8", ">i4"])
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


@settings(max_examples=60, deadline=None)
@given(payload=st.dictionaries(st.text(), plain, max_size=4), arrays=st.dictionaries(st.text(), arrays, max_size=3))
def test_any_model_comes_back_equal(tmp_path_factory, payload, arrays):
    path = tmp_path_factory.mktemp("models") / "m"
    save(path, payload, arrays)
    got_payload, got_arrays = load(path)
    assert got_payload == payload
    assert repr(got_payload) == repr(payload)
    assert list(got_arrays) == list(arrays)
    for name, array in arrays.items():
        assert got_arrays[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()
        assert got_arrays[name].shape == array.shape
        assert got_arrays[name].dtype == array.dtype.newbyteorder("=")


def test_every_flipped_byte_is_found(model):
    data = model.read_bytes()
    for i in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            model.write_bytes(data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :])
            with pytest.raises(ModelFileError):
                load(model)


def test_every_cut_and_every_addition_is_found(model):
    data = model.read_bytes()
    for i in range(len(data)):
        model.write_bytes(data[:i])
        with pytest.raises(ModelFileError):
            load(model)
    model.write_bytes(data + b"\0")
    with pytest.raises(ModelFileError, match="1 bytes follow the last array"):
        load(model)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), prefix=st.sampled_from([b"", b"LOSSKIT1\n"]))
def test_noise_is_no_model(tmp_path_factory, data, prefix):
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(prefix + data)
    with pytest.raises(ModelFileError):
        load(path)


@settings(max_examples=200, deadline=None)
@given(
    document=plain
    | st.fixed_dictionaries(
        {"schema": st.just("losskit.model/1"), "versions": plain, "payload": plain, "arrays": plain}
    )
)
def test_a_crafted_description_raises_no_other_error(tmp_path_factory, document):
    path = craft(tmp_path_factory.getbasetemp() / "crafted", document)
    try:
        payload, _ = load(path)
    except ModelFileError:
        return
    assert payload == document["payload"]


FOREIGN = [
    (b"", "the file is empty"),
    (b"hello", "not a losskit model"),
    (pickle.dumps([1]), "looks like a pickle"),
    (b"PK\x03\x04...", "a zip archive"),
    (b'{"a": 1}', "looks like JSON"),
    (b"LOSSKIT2\n" + b"\0" * 60, "format 2; this losskit reads format 1: update losskit"),
    (b"LOSSKIT1\n\x05", "cut short"),
    (b"LOSSKIT1\n" + (2**63).to_bytes(8, "little") + b"\0" * 32, "cut short"),
]


@pytest.mark.parametrize(("data", "message"), FOREIGN)
def test_foreign_files_are_named(tmp_path, data, message):
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "m")


def change(**kwargs):
    return lambda d: d.update(kwargs)


def entry(**kwargs):
    return lambda d: d["arrays"]["coef"].update(kwargs)


CRAFTED = [
    (change(schema="losskit.model/2"), "schema losskit.model/2; .* update losskit"),
    (change(schema="other/1"), "schema 'other/1' is not losskit.model/1"),
    (change(schema=3), "schema 3"),
    (change(extra=1), "the key 'extra' is unknown"),
    (lambda d: d.pop("payload"), "the key 'payload' is missing"),
    (change(payload=[]), "'payload' is a list"),
    (entry(dtype="|O"), r"dtype '\|O' is not one of"),
    (entry(dtype=["<f8"]), "is not one of"),
    (entry(shape=[2**60, 2**60]), "shape"),
    (entry(shape=[0, 2**62, 2**62]), "shape"),
    (entry(shape=[-1]), "shape"),
    (entry(shape=[True]), "shape"),
    (entry(shape="3"), "shape"),
    (entry(shape=[2**40]), "nbytes"),
    (entry(shape=[2**40], nbytes=2**43), "cut short: array 'coef'"),
    (entry(offset=8), "offset 8, wanted 0"),
    (entry(offset=-8), "offset -8, wanted 0"),
    (entry(nbytes=1), "nbytes 1"),
    (entry(sha256="0" * 64), "checksum of array 'coef'"),
    (entry(sha256=None), "sha256 is no text"),
    (entry(kind="x"), "the key 'kind' is unknown"),
    (lambda d: d["arrays"]["mask"].update(offset=0), "offset 0, wanted 24"),
    (lambda d: d["arrays"].update(mask=3), "an object is wanted"),
]


@pytest.mark.parametrize(("edit", "message"), CRAFTED)
def test_crafted_files_are_refused(model, edit, message):
    document, body = description(model)
    edit(document)
    with pytest.raises(ModelFileError, match=message):
        load(craft(model, document, body))


@pytest.mark.parametrize(
    "document",
    [
        b"\xff",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"3",
    ],
)
def test_a_description_that_is_no_strict_json_is_refused(tmp_path, document):
    with pytest.raises(ModelFileError):
        load(craft(tmp_path / "m", document))


def test_booleans_are_zero_or_one(model):
    document, body = description(model)
    body = body[:24] + b"\2\0"
    document["arrays"]["mask"]["sha256"] = sha256(b"\2\0").hexdigest()
    with pytest.raises(ModelFileError, match="booleans other than 0 and 1"):
        load(craft(model, document, body))


def test_a_missing_file_or_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFileError, match="does not exist"):
        load(tmp_path / "m")
    with pytest.raises(ModelFileError, match="no regular file"):
        load(tmp_path)


NOT_PLAIN = [
    ({"a": [1, float("nan")]}, r"nan at a\[1\]"),
    ({"a": float("-inf")}, "-inf at a"),
    ({1: 2}, "the key 1 at the top is a int"),
    ({"a": (1, 2)}, "a tuple at a"),
    ({"a": {"b": np.int64(3)}}, "a int64 at a.b"),
    ({"a": np.zeros(2)}, "a ndarray at a"),
    ({"a": 2**64}, "an integer beyond 64 bits at a"),
]


@pytest.mark.parametrize(("value", "message"), NOT_PLAIN)
def test_json_takes_plain_types_only(tmp_path, value, message):
    with pytest.raises(ModelFileError, match=message):
        to_json(value)
    with pytest.raises(ModelFileError):
        save(tmp_path / "m", value)
    assert not list(tmp_path.iterdir())


def test_json_nested_without_end_is_refused():
    value: list = []
    value.append(value)
    with pytest.raises(ModelFileError, match="nested deeper"):
        to_json(value)


@pytest.mark.parametrize("array", [np.array([{}]), np.array(["a"]), np.zeros(1, complex), np.zeros(1, np.int16)])
def test_arrays_outside_the_list_are_refused(tmp_path, array):
    with pytest.raises(ModelFileError, match=r"array 'w' is .*; a model file holds"):
        save(tmp_path / "m", {}, {"w": array})


def test_an_existing_file_needs_force(model):
    with pytest.raises(DataError, match=r"exists; choose another name, or replace it with force=True"):
        save(model, {})
    assert load(model)[0]["loss"] == "huber"
    save(model, {"new": 1}, force=True)
    assert load(model) == ({"new": 1}, {})


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("stage", ["fsync", "replace", "link"])
def test_an_interrupt_leaves_no_half_file(tmp_path, monkeypatch, force, stage):
    path = tmp_path / "report.html"
    if force:
        path.write_text("old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(modelfile.os, stage, interrupt)
    if (force, stage) in [(True, "link"), (False, "replace")]:
        atomic_write(path, "new", force=force)  # that call is not on this road
    else:
        with pytest.raises(KeyboardInterrupt):
            atomic_write(path, "new", force=force)
        assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == ([("report.html", "old")] if force else [])


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    path, create = tmp_path / "m", modelfile._created

    def race(temporary):
        path.write_text("theirs")
        return create(temporary)

    monkeypatch.setattr(modelfile, "_created", race)
    with pytest.raises(DataError, match="exists"):
        atomic_write(path, "ours")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["theirs"]


def test_a_disk_without_links_works_and_a_full_one_is_named(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(modelfile.os, "link", fail)
    atomic_write(tmp_path / "a", b"\xff")
    assert (tmp_path / "a").read_bytes() == b"\xff"
    monkeypatch.setattr(modelfile, "_created", fail)
    with pytest.raises(DataError, match="No space left"):
        atomic_write(tmp_path / "b", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(DataError, match="no regular file"):
        atomic_write(tmp_path, "x", force=True)
    with pytest.raises(DataError, match="cannot be written"):
        atomic_write(tmp_path / "none" / "x", "x")
    with pytest.raises(DataError, match="lone surrogate"):
        atomic_write(tmp_path / "x", "\ud800")


@pytest.mark.skipif(os.name != "posix", reason="links and permissions as POSIX has them")
def test_links_are_followed_and_the_umask_is_kept(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    atomic_write(tmp_path / "link", "é", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text("utf-8") == "é"
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "new", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
