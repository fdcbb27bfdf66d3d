import pytest


# Of the other languages the first `up` of test_lifecycle.py compiles the example and what it uses of the SDK.
@pytest.mark.alike
@pytest.mark.languages("typescript", "python", "go", "csharp")
def test_the_sdk_and_the_example_compile(language, tmp_path):
    folder = language.example(tmp_path / "program")
    language.wire(folder)
    language.check(folder)
