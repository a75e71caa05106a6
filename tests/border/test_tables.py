"""What files and frames become, and what is said of those that cannot be used."""

import csv
import gzip
import io
import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from losskit.data import textfiles
from losskit.data.tables import as_table, read_table
from losskit.errors import DataError, ParameterError, ShapeError


@pytest.fixture
def read(tmp_path):
    def read(content, name="t.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, **options)

    return read


def only(table):
    (name,) = table.names
    return table.column(name)


def same(got, want):
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_the_kinds_of_a_csv(read):
    table = read(
        "price, size ,color,sold,when,none\n"
        " 1.5 ,1,red,true,2024-01-31,\n"
        "NA,-2, blue,FALSE,2024-01-31 12:30,null\n"
        '"+1e3",3,,,,nan\n'
    )
    assert table.names == ("price", "size", "color", "sold", "when", "none")
    assert table.n_rows == 3
    kinds = [table.column(name).kind for name in table.names]
    assert kinds == ["numeric", "numeric", "text", "boolean", "datetime", "numeric"]
    same(table.column("price").values, np.array([1.5, np.nan, 1000]))
    assert not table.column("price").integers
    assert table.column("size").integers
    assert table.column("color").values.tolist() == ["red", " blue", None]
    same(table.column("sold").values, np.array([1.0, 0, np.nan]))
    same(table.column("when").values, np.array(["2024-01-31", "2024-01-31T12:30", "NaT"], "M8[us]"))
    assert np.isnan(table.column("none").values).all()
    for name in table.names:
        assert table.column(name).nulls()[2] == (name not in ("price", "size"))
        assert not table.column(name).values.flags.writeable


ONE_COLUMN = [
    ("1\n2\n", "numeric", [1, 2]),
    ("0x10\n1_000\n", "text", ["0x10", "1_000"]),
    ('"1,234"\n"5,678"\n', "text", ["1,234", "5,678"]),
    ("inf\n-Infinity\n1e400\n", "numeric", [np.inf, -np.inf, np.inf]),
    ("true\n1\n", "text", ["true", "1"]),
    ("2024-13-01\n", "text", ["2024-13-01"]),
    ("2024-01-01\n2024-01-01T00:00Z\n", "text", ["2024-01-01", "2024-01-01T00:00Z"]),
    ("2024-01-01T02:00+02:00\n", "datetime", [np.datetime64("2024-01-01", "us")]),
    ("NA\nNa\nNone\n", "text", [None, "Na", "None"]),
    ('"a ""b"" c"\n5" pipe\n', "text", ['a "b" c', '5" pipe']),
    ('1\n""\n\n2\n', "numeric", [1, np.nan, 2]),
    ("1\r2\r", "numeric", [1, 2]),
    ("1\r\n2", "numeric", [1, 2]),
]


@pytest.mark.parametrize(("rows", "kind", "values"), ONE_COLUMN)
def test_one_column_of_text(read, rows, kind, values):
    column = only(read("a" + ("\r" if rows == "1\r2\r" else "\n") + rows))
    assert column.kind == kind
    if kind == "text":
        assert column.values.tolist() == values
    else:
        np.testing.assert_array_equal(column.values, values)


def test_types_are_found_from_the_whole_file(read):
    """The one value that is no number lies far behind any block a reader would sample."""
    rows = ["1"] * 300_000 + ["x"]
    with pytest.raises(DataError, match=r"column 'a' is numeric but for 'x' in row 300001 \(line 300002\); correct"):
        read("a\n" + "\n".join(rows))
    assert only(read("a\n" + "\n".join(rows), kinds={"a": "text"})).values[[0, -1]].tolist() == ["1", "x"]


def test_nine_tenths_of_numbers_is_a_numeric_column_with_strays(read):
    message = (
        "column 'a' is numeric but for 'x' in row 1 (line 2), '?' in row 2 (line 3), '-' in row 3 (line 4) and 1 more"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        read("a\n" + "x\n?\n-\n#\n" + "1\n" * 36)
    assert only(read("a\nx\n" + "1\n" * 8)).kind == "text"
    assert only(read("a\nNA\n" + "1\n" * 9)).kind == "numeric"


BAD_TEXT = [
    ("", "is empty (0 bytes)"),
    ("\n\n", "is empty (blank lines only)"),
    ("\ufeff", "is empty"),
    ("a,b\n", "has a header and no rows"),
    ("a,b\n1,2\n3\n", "row 2 (line 3): 1 cells where the header has 2: '3'"),
    ("a,b\n1,2\n\n\n3,4,5\n", "row 2 (line 5): 3 cells where the header has 2: '3,4,5'"),
    ('a,b\n"x\ny",2\n3,4,\n', "row 2 (line 4): 3 cells"),
    ("\n\na,b\n1,2\n3\n", "row 2 (line 5): 1 cells"),
    ('a,b\n1,"x\ny"\n2,"z\n3,4\n', "row 2 (line 4): a quote opens and never closes"),
    ('a,b\n1,2\n"3,4\n5,6\n', "row 2 (line 3): 1 cells where the header has 2: '\"3,4\\n5,6'; look for a quote"),
    ("a,b,a\n1,2,3\n", "columns 1 and 3 are both named 'a'"),
    ("a,,b\n1,2,3\n", "column 2 has no name"),
    (",b\n1,2\n", "pandas writes its row index so"),
    ("a;b\n1;2\n", "one name, 'a;b'; separate columns by ',', not ';'"),
    (b"a,b\n1,\0\n", "line 2: a NUL byte"),
    (b"a,b\n1,caf\xe9\n", "line 2: byte 0xe9 is not utf-8; save the file as UTF-8"),
    ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TEXT)
def test_text_files_that_are_refused(read, content, message):
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        read(content)
    assert "t.csv" in str(caught.value)
    assert "end of the table" not in str(caught.value)


def test_blocks_do_not_show(read, monkeypatch):
    monkeypatch.setattr(textfiles, "_BLOCK", 1000)
    rows = [f'{i},"{"y" * (i % 50)}\n"' for i in range(500)]
    table = read("a,b\n" + "\n".join(rows))
    assert table.column("a").values.tolist() == list(range(500))
    assert table.column("b").values[49] == "y" * 49 + "\n"
    assert table.where(400) == "row 401 (line 802)"
    with pytest.raises(DataError, match=r"row 501 \(line 1002\): 1 cells"):
        read("a,b\n" + "\n".join(rows) + "\n1\n1,2")
    for length in (1500, 5000):
        with pytest.raises(DataError, match=r"a quote (opens and|that) never closes"):
            read('a,b\n1,2\n3,"' + "x" * length)


def test_encodings_and_compression(read):
    want = ["café"]
    for encoding in ("utf-8", "utf-8-sig"):
        assert only(read("é\ncafé\n".encode(encoding))).values.tolist() == want
    for encoding in ("latin-1", "utf-16"):
        table = read("é\ncafé\n".encode(encoding), encoding=encoding)
        assert (table.names, only(table).values.tolist()) == (("é",), want)
    assert read(gzip.compress(b"a,b\n1,2\n"), "T.CSV.GZ").names == ("a", "b")
    assert read("a\tb\n1,5\t2\n", "t.tsv").column("a").values.tolist() == ["1,5"]
    assert read("a\tb\n1\t2\n", "t.tsv").names == ("a", "b")
    with pytest.raises(DataError, match="cannot be read"):
        read(b"a,b\n", "t.csv.gz")
    with pytest.raises(DataError, match="cannot be read"):
        read(gzip.compress(b"a,b\n1,2\n")[:-3], "t.csv.gz")
    with pytest.raises(ParameterError, match="encoding 'utf-9' is not known"):
        read("a\n1\n", encoding="utf-9")


def test_kinds_and_ignore(read):
    text = "id,x,when\n7,1,2024-01-01\n8,2,\n"
    table = read(text, kinds={"id": "text", "x": "numeric", "when": "datetime"})
    assert [table.column(n).kind for n in table.names] == ["text", "numeric", "datetime"]
    assert table.column("id").values.tolist() == ["7", "8"]
    assert read(text, ignore=["id", "when"]).names == ("x",)
    assert only(read("a\n1\nx\n1\n2024-13-01", kinds={"a": "text"})).kind == "text"
    for kind, value in (("numeric", "x"), ("boolean", "1"), ("datetime", "5 May")):
        with pytest.raises(DataError, match=rf"column 'a' is {kind} but for '{value}' in row 2 \(line 3\)"):
            read(f"a\nNA\n{value}\n", kinds={"a": kind})
    with pytest.raises(DataError, match="a day that no calendar has"):
        read("a\n2024-13-01\n", kinds={"a": "datetime"})
    with pytest.raises(DataError, match="has no column 'wen'; did you mean 'when'"):
        read(text, ignore=["wen"])
    with pytest.raises(DataError, match="has no column 'y'; its columns are 'id', 'x', 'when'"):
        read(text, kinds={"y": "text"})
    with pytest.raises(ParameterError, match="a kind is numeric, boolean, datetime or text; got 'float'"):
        read(text, kinds={"x": "float"})


def test_paths_that_are_refused(tmp_path, read):
    with pytest.raises(DataError, match=r"there is no file .*none\.csv"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a directory; name one file in it"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"the ending '\.xlsx' is not known; write one of \.csv"):
        read("x", "t.xlsx")
    for name in ("t.parquet", "t.feather", "t.arrow"):
        with pytest.raises(DataError, match="cannot be read as its ending says"):
            read("no such thing", name)


def test_a_wrong_name_is_met_with_the_near_ones(read):
    with pytest.raises(DataError, match=r"has no column 'prise'; did you mean 'price'\? its columns are 'price', 'b'"):
        read("price,b\n1,2\n").column("prise")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1\nNA\nNA", r"column 't', row 2 \(line 3\): the value is null \(2 of 3 rows\); remove"),
        ("1\n2\n-inf", r"row 3 \(line 4\): the value is infinite \(1 of 3 rows\)"),
        ("1\n9007199254740993", r"row 2 \(line 3\): the value is an integer of 2\^53 or more"),
        ("2024-01-01", "the target 't' holds dates"),
    ],
)
def test_targets_that_are_refused(read, cells, message):
    with pytest.raises(DataError, match=message):
        read(f"t\n{cells}\n").target("t")


def test_targets_that_are_fine(read):
    assert read("t\n9007199254740991\n1e300\n").target("t").values.tolist() == [9007199254740991, 1e300]
    assert read("t\nyes\nno\n").target("t").values.tolist() == ["yes", "no"]


def test_select_drop_and_take(read):
    table = read('a,b\n"1\n",x\n2,y\n3,z\n', kinds={"b": "text"})
    assert table.select(["b"]).names == table.drop(["a"]).names == ("b",)
    taken = table.take([2, 0, 2])
    assert taken.column("b").values.tolist() == ["z", "x", "z"]
    assert [taken.where(i) for i in range(3)] == ["row 3 (line 5)", "row 1 (line 2)", "row 3 (line 5)"]
    assert table.take(np.array([False, True, False])).column("a").values.tolist() == [2]
    assert table.take([]).n_rows == 0
    assert taken.take([1]).where(0) == "row 1 (line 2)"
    assert repr(table).endswith("3 rows; 'a' numeric, 'b' text)")
    for rows in ([3], [-1], [0.5], [[0]], "a"):
        with pytest.raises(ParameterError, match="rows are positions from 0 to 2"):
            table.take(rows)
    with pytest.raises(ShapeError, match=r"here 3; got shape \(2,\)"):
        table.take([True, False])
    with pytest.raises(DataError, match="no column 'c'"):
        table.drop(["c"])


def arrow_table():
    return pa.table(
        {
            "i": pa.array([1, None, 2**60 + 1], pa.int64()),
            "f": pa.array([0.5, float("nan"), None], pa.float32()),
            "b": [True, None, False],
            "s": ["NA", None, " 1"],
            "d": pa.array(["u", None, "u"]).dictionary_encode(),
            "t": pa.array([0, None, 1], pa.timestamp("s", "UTC")),
            "n": pa.nulls(3),
        }
    )


def write(frame, path):
    if path.suffix == ".parquet":
        parquet.write_table(frame, path)
    elif path.suffix == ".feather":
        feather.write_feather(frame, path)
    else:
        with pa.ipc.new_stream(path, frame.schema) as stream:
            stream.write_table(frame)


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.arrow"])
def test_typed_files_keep_their_types(tmp_path, name):
    frame = arrow_table().append_column("__index_level_0__", [[7, 8, 9]])
    write(frame, tmp_path / name)
    table = read_table(tmp_path / name, ignore=["n"])
    assert table.names == ("i", "f", "b", "s", "d", "t")
    assert [table.column(n).kind for n in table.names] == [
        "numeric",
        "numeric",
        "boolean",
        "text",
        "text",
        "datetime",
    ]
    same(table.column("i").values, np.array([1, np.nan, 2.0**60]))
    same(table.column("f").values, np.array([0.5, np.nan, np.nan]))
    assert table.column("s").values.tolist() == ["NA", None, " 1"]
    assert table.column("d").values.tolist() == ["u", None, "u"]
    same(table.column("t").values, np.array(["1970-01-01", "NaT", "1970-01-01T00:00:01"], "M8[us]"))
    with pytest.raises(DataError, match=r"column 'i', row 3: the value is an integer of 2\^53"):
        table.take([0, 2]).target("i")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_keep_their_types(library):
    module = pytest.importorskip(library)
    frame = arrow_table()
    if library == "pandas":
        frame = frame.to_pandas()
    elif library == "polars":
        frame = module.from_arrow(frame)
    table = as_table(frame)
    want = as_table(arrow_table())
    for name in want.names:
        assert table.column(name).kind == want.column(name).kind
        same(table.column(name).values, want.column(name).values)
    assert as_table(table) is table


def test_dicts_and_arrays():
    table = as_table({"a": [1, None, 2**70], "b": np.array(["x", "y", "z"]), 3: (True, None, False)})
    assert [table.column(n).kind for n in ("a", "b", "3")] == ["numeric", "text", "boolean"]
    same(table.column("a").values, np.array([1, np.nan, 2.0**70]))
    X = np.arange(6.0).reshape(3, 2)
    table = as_table(X)
    assert table.names == ("x0", "x1")
    X[:] = 9
    same(table.column("x1").values, np.array([1.0, 3, 5]))
    for dtype in ("f2", ">f8", "g", "u1", "?", "O"):
        column = as_table(np.ones((2, 1), dtype)).column("x0")
        assert (column.kind, column.values.tolist()) == ("boolean" if dtype == "?" else "numeric", [1, 1])


BAD_OBJECTS = [
    ({}, "the dict has no columns"),
    ({"a": []}, "the dict has no rows"),
    ({"a": [1], "b": [1, 2]}, "'a' has 1 rows, 'b' has 2"),
    ({"a": 1}, "column 'a' is a int; wanted a list"),
    ({"a": "xy"}, "column 'a' is a str; wanted a list"),
    ({"a": {"b": 1}}, "column 'a' is a dict; wanted a list"),
    ({"a": {1, 2}}, "column 'a' is a set; wanted a list"),
    ({"a": np.ones((2, 2))}, "column 'a' is a ndarray; wanted a list or 1-D array"),
    ({"a": np.array(1)}, "column 'a' is a ndarray; wanted"),
    ({"a": [[1], [2, 3]]}, "column 'a' holds list"),
    ({"a ": [1], " a": [2]}, "columns 1 and 2 are both named 'a'"),
    ({"a": [None, 1, "x"]}, "column 'a' mixes number in row 2, 1 and text in row 3, 'x'"),
    ({"a": [True, 1]}, "column 'a' mixes boolean in row 1, True and number in row 2, 1"),
    ({"a": [10**400]}, "an integer beyond 1.8e308"),
    ({"a": [object()]}, "column 'a', row 1: object cannot be used"),
    ({"a": [[1], [2]]}, "column 'a' holds list<item: int64>; a table holds numbers"),
    ({"a": [b"x"]}, "column 'a' holds binary"),
    ({"a": np.array([1], "m8[s]")}, "a duration to seconds"),
    (np.array([[1j]]), "column 'x0', row 1: complex128 cannot be used"),
    (np.arange(3.0), "got ndarray of shape (3,); a table is"),
    (np.zeros((0, 2)), "has no rows"),
    (np.zeros((2, 0)), "has no columns"),
    ([[1, 2]], "got list; a table is"),
    (None, "got NoneType; a table is"),
]


@pytest.mark.parametrize(("X", "message"), BAD_OBJECTS)
def test_objects_that_are_refused(X, message):
    with pytest.raises(DataError, match=re.escape(message)):
        as_table(X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dicts_of_series(library):
    series = pytest.importorskip(library).Series
    table = as_table(
        {"a": series([1, 2]), "b": series(["x", None]), "c": pa.array([1, 2]), "d": pa.chunked_array([[1, 2]])}
    )
    assert [table.column(n).kind for n in table.names] == ["numeric", "text", "numeric", "numeric"]
    assert table.column("b").values.tolist() == ["x", None]


def test_frames_that_are_refused():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    with pytest.raises(DataError, match="two columns of the DataFrame have one name"):
        as_table(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="column 'a' mixes number in row 1, 1 and text in row 2"):
        as_table(pandas.DataFrame({"a": [1, "x"]}))
    for unfit in (polars.DataFrame({"a": [1]}).lazy(), pandas.Series([1])):
        with pytest.raises(DataError, match=r"collect\(\) a lazy frame, to_frame\(\) a series"):
            as_table(unfit)


nulls = {"", "NA", "N/A", "n/a", "NULL", "null", "NaN", "nan"}
cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_text_survives_a_csv(tmp_path_factory, rows, quoting):
    """Whatever a CSV writer quotes comes back, but for the spellings of null."""
    path = tmp_path_factory.getbasetemp() / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=quoting).writerows([("a", "b"), *rows])
    table = read_table(path, kinds={"a": "text", "b": "text"})
    for j, name in enumerate("ab"):
        want = [None if row[j].strip() in nulls else row[j] for row in rows]
        got = table.column(name)
        assert (got.values.tolist() if got.kind == "text" else [None] * len(rows)) == want


@settings(max_examples=80, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False) | st.none(), min_size=1, max_size=20))
def test_any_number_survives_a_csv(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "n.csv"
    path.write_text("a,b\n" + "".join(f"{'' if v is None else repr(v)},1\n" for v in values))
    want = np.array([np.nan if v is None else v for v in values])
    same(read_table(path).column("a").values, want)


@settings(max_examples=150, deadline=None)
@given(data=st.text(st.sampled_from('ab1,."\n\r; \té'), max_size=40).map(str.encode) | st.binary(max_size=40))
def test_noise_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(data)
    try:
        table = read_table(path)
    except DataError:
        return
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert table.n_rows == sum(bool(row) for row in reader) - 1


def test_importing_it_brings_nothing_heavy():
    code = (
        "import sys, losskit.data.tables, losskit.data.preprocess, losskit.models.modelfile;"
        "print({'pyarrow', 'narwhals', 'pandas'} & set(sys.modules))"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "set()\n"
