import json
import re
import shutil

import pytest
from fakes.projects import make_project
from PIL import Image

from rephase.cli.main import main
from rephase.environments import rendering

RUN = "baseline/pendulum-spin/seed-1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A miniature project with one completed run, and its runs folder."""
    project = make_project(tmp_path_factory.mktemp("project"), tasks=("pendulum-spin",), seeds=(1,), epochs=1)
    words = ["run", "phase3", "--project", str(project), "--runs", str(project / "runs"), "--config", "baseline"]
    assert main([*words, "--threads", "1"]) == 0
    return project


def render(project, *words):
    return main(["render", *words, "--project", str(project), "--runs", str(project / "runs")])


def can_draw():
    return not all(rendering._fault_of(backend) for backend in ("egl", "osmesa"))


def test_a_completed_run_is_filmed(trained, tmp_path, capsys):
    if not can_draw():
        pytest.skip("neither EGL nor OSMesa works on this machine")
    output = tmp_path / "film.gif"

    code = render(trained, RUN, "--output", str(output), "--steps", "3", "--width", "64", "--height", "48", "--json")

    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["task"], told["frames"], told["file"]) == (RUN, "pendulum-spin", 4, str(output))
    with Image.open(output) as film:
        assert (film.n_frames, film.size) == (4, (64, 48))


def test_a_run_is_found_by_its_folder_and_the_film_named_after_it(trained, tmp_path, capsys, monkeypatch):
    (folder,) = (trained / "runs").glob(f"*/{RUN}")
    monkeypatch.chdir(tmp_path)
    played = {}

    def film(task, act, **options):
        played.update(options, action=act(rendering.np.zeros((1, 24), dtype="float32")))
        return [rendering.np.zeros((48, 64, 3), dtype="uint8")] * 3, 12.34

    monkeypatch.setattr(rendering, "film", film)

    assert render(trained, str(folder), "--steps", "2", "--episode-seed", "9") == 0

    assert capsys.readouterr().out == (
        f"baseline-pendulum-spin-seed-1.gif: {RUN} for 2 agent steps (0.08 s), return so far 12.3\n"
    )
    assert (tmp_path / "baseline-pendulum-spin-seed-1.gif").is_file()
    assert (played["seed"], played["steps"], played["action"].shape) == (9, 2, (1, 6))
    assert abs(played["action"]).max() <= 1


def test_what_is_filmed_is_the_policy_that_was_evaluated(trained):
    """Whole episodes of the loaded policy have the returns of the run's record."""
    from rephase.engine.evaluation import episode_seeds
    from rephase.environments import make
    from rephase.reproduction.trained import find_run, trained_policy

    record, act = trained_policy(find_run(RUN, trained / "runs"), trained)
    environment = make(record.task, len(record.episode_returns), threads=1)
    observation = environment.reset(episode_seeds(record.seed, "reward", len(record.episode_returns)))
    collected, over = 0.0, False
    while not over:
        observation, reward, over = environment.step(act(observation))
        collected = collected + reward

    assert collected == pytest.approx(record.episode_returns, abs=1e-3)


def test_a_run_that_is_not_there_is_refused(trained, capsys):
    assert render(trained, "baseline/pendulum-spin/seed-2") == 2

    assert capsys.readouterr().err == (
        f"rephase: {trained}/runs: no completed run 'baseline/pendulum-spin/seed-2';"
        " name its folder or a label such as baseline/walker-stand/seed-42, as 'rephase status PHASE' shows\n"
    )


def test_a_label_that_two_phases_have_is_refused(trained, tmp_path, capsys):
    (folder,) = (trained / "runs").glob("*")
    shutil.copytree(folder, tmp_path / "one")
    shutil.copytree(folder, tmp_path / "two")

    assert main(["render", RUN, "--project", str(trained), "--runs", str(tmp_path)]) == 2

    assert capsys.readouterr().err == (
        f"rephase: {tmp_path}: 2 completed runs '{RUN}';"
        f" name one's folder: {tmp_path}/one/{RUN}, {tmp_path}/two/{RUN}\n"
    )


def test_another_ending_is_refused_before_anything_is_played(trained, capsys, monkeypatch):
    monkeypatch.setattr(rendering, "film", lambda *_, **__: pytest.fail("it was played"))

    assert render(trained, RUN, "--output", "film.avi") == 2
    assert capsys.readouterr().err == "rephase: film.avi: ends in '.avi'; expected .gif or .mp4\n"


def test_a_machine_that_cannot_draw_ends_with_its_own_code(trained, capsys, monkeypatch):
    monkeypatch.setattr(rendering, "_fault_of", lambda backend: "no driver")
    monkeypatch.delenv("MUJOCO_GL", raising=False)

    assert render(trained, RUN) == 3
    assert "nothing here can draw without a screen (egl: no driver; osmesa: no driver)" in capsys.readouterr().err


def test_a_config_that_has_changed_since_is_refused(trained, tmp_path, capsys):
    changed = tmp_path / "project"
    shutil.copytree(trained, changed)
    manifest = changed / "reproductions/phase3/embedded.toml"
    manifest.write_text(manifest.read_text().replace("horizon = 2", "horizon = 3"))

    assert render(changed, RUN) == 3
    assert re.search(
        r"record\.json: was run with config 'baseline' as [0-9a-f]+, which is now [0-9a-f]+;"
        r" check out the commit its provenance names",
        capsys.readouterr().err,
    )
