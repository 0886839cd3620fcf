import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.exchange.hgq import keras_archive
from netwright.exchange.hgq.keras_archive import CONFIG, WEIGHTS, load_archive

h5py = pytest.importorskip("h5py", reason="needs the extra hgq")


def archive(folder: Path, config: object, fill) -> Path:
    """A Keras file whose weights `fill` writes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(CONFIG, config if isinstance(config, str) else json.dumps(config))
        made.writestr(WEIGHTS, buffer.getvalue())
    return path


def one_array(file) -> None:
    file["layers/q_dense/vars/0"] = np.arange(6.0).reshape(2, 3)


def test_a_file_is_its_configuration_and_its_arrays(tmp_path: Path) -> None:
    found = load_archive(archive(tmp_path, {"class_name": "Sequential"}, one_array))
    assert found.config == {"class_name": "Sequential"}
    assert list(found.variables) == ["layers/q_dense/vars/0"]
    assert found.variables["layers/q_dense/vars/0"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(DataError, match=r"m\.keras: no such file"):
        load_archive(path)
    whole = archive(tmp_path, {}, one_array).read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"not a Keras file \(a zip archive\) \("):
            load_archive(path)
    with pytest.raises(DataError, match=r"is a folder, not a file$"):
        load_archive(tmp_path)


def test_missing_members_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(CONFIG, "{}")
    with pytest.raises(DataError, match=r"holds no member model\.weights\.h5"):
        load_archive(path)


@pytest.mark.parametrize("config", ["", "[1", "[" * 100_000, '"text"'])
def test_other_configurations_are_refused(tmp_path: Path, config: str) -> None:
    with pytest.raises(DataError, match=r"not JSON|config\.json must be an object"):
        load_archive(archive(tmp_path, config, one_array))


def test_what_lies_elsewhere_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        one_array(file)

    def external_link(file) -> None:
        file["a"] = h5py.ExternalLink(str(secret), "/layers")

    def soft_link(file) -> None:
        one_array(file)
        file["a"] = h5py.SoftLink("/layers")

    def external_values(file) -> None:
        file.create_dataset("a", (2,), "f4", external=[(str(secret), 0, 8)])

    def virtual_values(file) -> None:
        layout = h5py.VirtualLayout((2, 3), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "layers/q_dense/vars/0", (2, 3))
        file.create_virtual_dataset("a", layout)

    for fill in (external_link, soft_link):
        with pytest.raises(DataError, match=r'model\.weights\.h5: "a" is a link'):
            load_archive(archive(tmp_path, {}, fill))
    for fill in (external_values, virtual_values):
        with pytest.raises(DataError, match='"a" lies in another file'):
            load_archive(archive(tmp_path, {}, fill))


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    def text(file) -> None:
        file["a"] = "text"

    def infinite(file) -> None:
        file["a"] = np.array([1.0, np.inf])

    with pytest.raises(DataError, match='"a" must hold numbers, not object'):
        load_archive(archive(tmp_path, {}, text))
    with pytest.raises(DataError, match='"a" holds NaN or infinity'):
        load_archive(archive(tmp_path, {}, infinite))


def test_sizes_are_limited_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def huge(file) -> None:
        file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")

    with pytest.raises(
        DataError, match=r'"a" declares 1099511627776 values, too many for its file'
    ):
        load_archive(archive(tmp_path, {}, huge))
    path = archive(tmp_path, {}, one_array)
    monkeypatch.setattr(keras_archive, "MAX_WEIGHTS_BYTES", 100)
    with pytest.raises(DataError, match=r"has \d+ bytes; at most 100 are read"):
        load_archive(path)
