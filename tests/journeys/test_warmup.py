"""``engram warmup`` as a user meets it."""

import json


def test_warmup_compiles_what_training_needs_and_finds_it_again(engram, tmp_path):
    options = ["--rule", "pair", "--dtype", "float32", "--integrator", "exponential_euler"]
    assert engram("warmup", *options)[0] == 0
    code, out, err = engram("warmup", *options, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["compiled"] == 0
    assert told["routines"] > 30
    assert engram("warmup", "--dtype", "float16")[0] == 2
