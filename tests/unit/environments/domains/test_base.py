"""Which joints a start draws, in which order and from where."""

import mujoco
import numpy as np
from numpy.random import RandomState

from rephase.environments.domains.base import draw_joints, joint_ranges

MODEL = """
<mujoco>
  <worldbody>
    <body>
      <joint name="free-slide" type="slide"/>
      <joint name="limited" type="hinge" range="-90 45" limited="true"/>
      <joint name="any" type="hinge"/>
      <geom size="0.1"/>
    </body>
  </worldbody>
</mujoco>
"""


def test_limited_joints_in_their_range_and_other_hinges_anywhere():
    model = mujoco.MjModel.from_xml_string(MODEL)
    ranges = joint_ranges(model)
    assert [joint for joint, _, _ in ranges] == [1, 2]
    np.testing.assert_allclose(ranges[0][1:], np.deg2rad([-90, 45]))
    np.testing.assert_allclose(ranges[1][1:], [-np.pi, np.pi])


def test_joints_are_drawn_one_after_the_other_and_the_rest_stays():
    qpos = np.full(3, 9.0)
    draw_joints(((1, -1.0, 1.0), (2, 5.0, 6.0)), RandomState(7), qpos)
    stream = RandomState(7)
    assert qpos.tolist() == [9.0, stream.uniform(-1, 1), stream.uniform(5, 6)]
