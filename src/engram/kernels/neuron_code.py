"""A population's loops, written from its neuron's equations.

The equations ask for what they need by name. Here each name gets its place in the population's rows, and the text of
the loops is put together: a neuron's step is written once, where the neuron is described, and nowhere else. Names of
the loops' own begin with an underscore, a neuron's do not.

A loop takes the neurons from one state to another, through one step or a group of them; see
:mod:`engram.kernels.populations` for when a group is kept. What arrived in the step before is added first
(``arrive``), then the step is taken, then the membrane is held against its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import numpy as np

from engram.kernels import parts, populations, sleeping, winner
from engram.kernels.machine import Equation, Routine
from engram.kernels.memory import AT_ONCE, GROUP, LANES
from engram.kernels.projections import one_to_one
from engram.neurons.base import Neuron, NeuronEquations, asked_by, known_constants

NEAR, STRAINED, OVERSHOT = 1, 2, 4
"""What a loop reports: a membrane near its threshold, quick equations that do not hold, an integrator out of range."""


def packed_constants(neuron: Neuron, dt: float, integrator: str, dtype: str) -> np.ndarray:
    """A neuron's constants one after another, as its loops read them."""
    values = []
    for value in known_constants(neuron, dt, integrator, dtype).values():
        values.extend(value if isinstance(value, tuple) else (value,))
    return np.array(values, dtype)


@dataclass(frozen=True)
class Loop:
    """Which loop: through how many steps, with which equations, and what may arrive.

    Attributes
    ----------
    steps : int
        1 or GROUP.
    channels : tuple of int
        Those on which something may arrive.
    rows : bool
        Whether further rows of weights may arrive on the first channel.
    quick : bool
        Whether by the quick equations.
    closed : tuple of int
        Channels whose variable is zero, and stays so.
    """

    steps: int
    channels: tuple[int, ...]
    rows: bool
    quick: bool
    closed: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in the text."""
        kind = f"{'quick' if self.quick else 'full'}{'_rows' * self.rows}_{'_'.join(map(str, self.channels))}"
        return f"_loop_{self.steps}_{kind}{'_closed' * bool(self.closed)}{'_'.join(map(str, self.closed))}"


class PopulationWriter:
    """Writes the text of a population's routines for a neuron.

    Parameters
    ----------
    neuron : Neuron
    integrator, dtype : str
    counted : str
        A channel on which arrives a number of spikes, all of one weight, and nothing else; empty for none.
    reached : tuple of str, optional
        The channels on which anything ever arrives, all if not given. The variables of the others stay zero, as a
        neuron that is `quiet` promises.
    one_wins : bool
        Whether of those that reach their thresholds in the same step one fires, see :class:`engram.Population`.
    """

    def __init__(
        self, neuron: Neuron, integrator: str, dtype: str, counted: str = "",
        reached: tuple[str, ...] | None = None, one_wins: bool = False,
    ):  # fmt: skip
        unreached = set(neuron.channels) - set(neuron.channels if reached is None or not neuron.quiet else reached)
        self.zero = {neuron.channels[channel] for channel in unreached}
        self.counted = list(neuron.channels).index(counted) if counted else -1
        self.one_wins = one_wins
        self.neuron, self.integrator, self.dtype = neuron, integrator, dtype
        self.equations: NeuronEquations = neuron.equations(integrator)
        self.variables = tuple(neuron.variables())
        self.channels = tuple(neuron.channels)
        self.targets = [self.variables.index(v) for v in neuron.channels.values()]
        self.constants = known_constants(neuron, 1.0, integrator, dtype)
        self.kinds: dict[str, type] = {}
        self.lines: list[str] = []

    # What the routines are.

    def dense(self) -> dict[str, Routine]:
        """The routines of a population that is advanced whole."""
        loops = self._loops()
        for loop in loops:
            self._write_loop(loop)
        self._write_choice("_group", GROUP, [x for x in loops if x.steps == GROUP])
        self._write_choice("_step", 1, [x for x in loops if x.steps == 1])
        self._write_held()
        self._write_fired()
        self._write_reset("_reset_one")
        self._write_receive()
        self._write_tidy()
        if self.one_wins:
            self._write_excess()
        step = winner.step if self.one_wins else populations.step
        acts = {"group": populations.group, "step": step, "reset": populations.reset,
                "tidy": populations.tidy, "receive": populations.receive}  # fmt: skip
        common = {"begin": populations.begin, "look": populations.look, "keep": populations.keep,
                  "end": populations.end, "show": populations.show, "to_rest": populations.to_rest}  # fmt: skip
        return self._routines(acts, common)

    def sleeping(self) -> dict[str, Routine]:
        """The routines of a population whose neurons sleep until something reaches them."""
        has_quick = self.equations.quick is not None
        for quick in (True, False) if has_quick else (False,):
            self._write_awake(f"_awake_step_{'quick' if quick else 'full'}", quick)
        self._write_ahead(has_quick)
        self._write_strained()
        self._write_awake_choice(has_quick)
        self._write_fires_one()
        self._write_reset("_reset_one")
        self._write_settled()
        acts = {"group": sleeping.group, "step": sleeping.step, "reset": sleeping.reset, "tidy": sleeping.tidy,
                "begin": sleeping.begin}  # fmt: skip
        self._write_arrive_one()
        acts["send"] = one_to_one.send_awake
        common = {"look": sleeping.look, "keep": sleeping.keep, "receive": sleeping.receive, "end": sleeping.show,
                  "show": sleeping.show, "to_rest": populations.to_rest}  # fmt: skip
        return self._routines(acts, common)

    def _routines(self, acts: dict[str, FunctionType], common: dict[str, FunctionType]) -> dict[str, Routine]:
        real = np.dtype(self.dtype).type
        precision = {"REAL": real, "BYTES": real().itemsize}
        scope = dict(precision)
        space = {**parts.words_of_text(real), "_LANES": LANES, **self.kinds}
        for name, equation in self._equations().items():
            space[name] = scope[name] = Equation(equation, self.dtype)
        text = "\n".join(self.lines)
        exec(compile(text, f"<{type(self.neuron).__name__}>", "exec"), space)
        for name, value in list(space.items()):
            if isinstance(value, FunctionType) and value.__code__.co_filename.startswith("<"):
                value.__module__ = "engram.kernels.neuron_code"
                vars(value)["written"] = text
                scope[name] = parts.part(value, apart=name.startswith(("_loop", "_awake_step", "_receive", "_tidy")))
        label = f"{type(self.neuron).__name__}"
        routines = {act: Routine(f, tuple(scope.items()), label=label) for act, f in acts.items()}
        return routines | {act: Routine(f, tuple(precision.items()), label="populations") for act, f in common.items()}

    def _equations(self) -> dict[str, Callable]:
        e = self.equations
        named = {"step": e.step, "quick": e.quick, "strain": e.strain, "fires": e.fires, "on_spike": e.on_spike,
                 "tidy": e.tidy, "overshoots": e.overshoots}  # fmt: skip
        named |= {f"arrive_{channel}": function for channel, function in e.arrive.items()}
        return {f"_equation_{name}": function for name, function in named.items() if function is not None}

    def _loops(self) -> list[Loop]:
        """Every loop that is worth compiling for this neuron."""
        everything, quick = tuple(range(len(self.channels))), self.equations.quick is not None
        loops = [Loop(1, everything, rows=True, quick=False)]
        if self.equations.overshoots is None and self.neuron.in_groups:
            loops.append(Loop(GROUP, everything, rows=True, quick=quick))
        if quick:
            loops.append(Loop(1, everything, rows=True, quick=True))
        if self.neuron.quiet and self.equations.overshoots is None:
            loops.append(Loop(GROUP, (), rows=False, quick=quick, closed=everything))
            for closed in sorted({(), everything[1:]}):
                loops.append(Loop(1, (0,), rows=True, quick=quick, closed=closed))
                loops += [Loop(GROUP, (0,), rows, quick, closed) for rows in (True, False)]
        return loops

    # The text.

    def _write(self, *lines: str) -> None:
        self.lines.extend(lines)

    def _constants_for(self, *functions: Callable | None, indent: str = "    ") -> list[str]:
        """Loads of the constants that some equations ask for; what strains comes with what it can bear."""
        asked = {name for function in functions if function is not None for name in asked_by(function)}
        asked |= {self.equations.bearable} if self.equations.strain in functions else set()
        lines, place = [], 0
        for name, value in self.constants.items():
            n = len(value) if isinstance(value, tuple) else 1
            if name in asked and isinstance(value, tuple):
                self.kinds[f"_kind_{name}"] = type(value)
                parts_ = ", ".join(f"_c[{k}]" for k in range(place, place + n))
                lines.append(f"{indent}{name} = _kind_{name}({parts_})")
            elif name in asked:
                lines.append(f"{indent}{name} = _c[{place}]")
            place += n
        return lines

    def _stepping(self, quick: bool) -> tuple[str, Callable]:
        """The name and the function of a step, quick where it may be and there is such."""
        e = self.equations
        return ("quick", e.quick) if quick and e.quick is not None else ("step", e.step)

    def _call(self, name: str, function: Callable) -> str:
        return f"_equation_{name}({', '.join(asked_by(function))})"

    def _assigned(self, name: str, function: Callable, indent: str) -> list[str]:
        """The state variables that an equation asks for become what it returns."""
        asked = [a for a in asked_by(function) if a in self.variables]
        if not asked:
            return []
        if len(asked) == 1:
            return [f"{indent}{asked[0]} = _REAL({self._call(name, function)})"]
        new = ", ".join(f"_new_{a}" for a in asked)
        casts = ", ".join(f"REAL(_new_{a})" for a in asked)
        return [f"{indent}{new} = {self._call(name, function)}", f"{indent}{', '.join(asked)} = {casts}"]

    def _rows_named(self, rows: str) -> str:
        """A name for each row of a state: only what has a name of its own is known to lie apart."""
        return ", ".join(f"_{rows}_{k}" for k in range(len(self.variables)))

    def _rows_at(self, address: str) -> str:
        """Where each row of a state begins."""
        return ", ".join(f"_pointer({address} + {k} * _p.stride * _BYTES, _REAL)" for k in range(len(self.variables)))

    def _kind_of(self, channel: int) -> str:
        """What the rows that arrive on a channel hold."""
        return "_U2" if channel == self.counted else "_REAL"

    def _arrival(self, channel: int, arriving: str, indent: str) -> str:
        """A channel's variable after what arrives."""
        if channel == self.counted:
            arriving = f"_weight * _REAL({arriving})"
        variable = self.variables[self.targets[channel]]
        function = self.equations.arrive.get(self.channels[channel])
        if function is None:
            return f"{indent}{variable} = {variable} + {arriving}"
        further = asked_by(function)[2:]
        arguments = ", ".join([variable, arriving, *further])
        return f"{indent}{variable} = _REAL(_equation_arrive_{self.channels[channel]}({arguments}))"

    def _arrives(self) -> list[Callable]:
        return list(self.equations.arrive.values())

    def _fires_text(self, threshold: str) -> str:
        return f"v > {threshold}" if self.equations.fires is None else self._call("fires", self.equations.fires)

    def _write_loop(self, loop: Loop) -> None:
        e = self.equations
        stepping = self._stepping(loop.quick)
        closed = {self.targets[channel] for channel in loop.closed}
        strain = e.strain if len(loop.closed) < len(self.channels) else None
        arrive = self._arrives() if loop.channels else []
        self._write(
            f"def {loop.name}({self._rows_named('here')}, {self._rows_named('there')}, _low, _in, _counts, _rows,"
            " _weight, _n, _c):",
            *self._constants_for(stepping[1], strain, e.fires, e.overshoots, *arrive),
            "    _near = _strained = _MARKS(0)",
            "    _overshot = _fires = False",
            "    for _j in _range(_whole(_n)):",
            "        _highest = _low[_j]",
        )
        if strain is not None:
            self._write(f"        _most = {e.bearable}")
        for k, name in enumerate(self.variables):
            value = "_REAL(0.0)" if k in closed else f"_here_{k}[_j]"
            self._write(f"        {name} = {value}")
        for step in range(loop.steps):
            for channel in loop.channels:
                arriving = self._place_of(loop, channel, step) + "[_j]"
                if channel == 0 and loop.rows:
                    for i in range(AT_ONCE):
                        arriving = f"({arriving} + _rows[{AT_ONCE * step + i}][_j])"
                self._write(self._arrival(channel, arriving, "        "))
            if strain is not None:
                self._write(f"        _strain = {self._call('strain', strain)}")
                self._write("        _most = _strain if _strain > _most else _most")
            if e.overshoots is not None:
                self._write(f"        _overshot |= {self._call('overshoots', e.overshoots)}")
            self._write(*self._assigned(*stepping, "        "))
            self._write(*(f"        {self.variables[k]} = _REAL(0.0)" for k in sorted(closed)))
            if e.fires is None:
                self._write("        _highest = v if v > _highest else _highest")
            else:
                self._write(f"        _fires |= {self._fires_text('_low[_j]')}")
        for k, name in enumerate(self.variables):
            value = "_REAL(0.0)" if k in closed else name
            self._write(f"        _there_{k}[_j] = {value}")
        if strain is not None:
            mark = "_strained" if loop.steps == 1 else "_near"  # a group is not kept, whatever the reason
            self._write(f"        {mark} = _marked({mark}, _most, {e.bearable})")
        if e.fires is None:
            self._write("        _near = _marked(_near, _highest, _low[_j])")
        self._write(
            f"    return {NEAR} * (_fires | (_near != 0)) + {STRAINED} * (_strained != 0) + {OVERSHOT} * _overshot", ""
        )

    def _place_of(self, loop: Loop, channel: int, step: int) -> str:
        """Where a loop finds the row that arrives on a channel in a step."""
        if channel == self.counted:
            return f"_counts[{step}]"
        place = [c for c in loop.channels if c != self.counted].index(channel)
        return f"_in[{place * loop.steps + step}]"

    def _pointers(self, loop: Loop) -> str:
        arriving, counts = (
            [f"_pointer(_a[{c * GROUP + s}], {kind})" for c in loop.channels if (c == self.counted) == is_counted
             for s in range(loop.steps)]
            for is_counted, kind in ((False, "_REAL"), (True, "_U2"))
        )  # fmt: skip
        first = len(self.channels) * GROUP
        rows = [f"_pointer(_a[{first + k}], _REAL)" for k in range(AT_ONCE * loop.steps)] if loop.rows else []
        groups = (", ".join(group or ["_zero"]) for group in (arriving, counts, rows))
        return ", ".join(f"({group},)" for group in groups)

    def _run(self, loop: Loop) -> str:
        rows = f"{self._rows_at('_p.here')}, {self._rows_at('_p.there')}"
        return f"{loop.name}({rows}, _low, {self._pointers(loop)}, _weight, _p.n_lanes, _c)"

    def _write_choice(self, name: str, steps: int, loops: list[Loop]) -> None:
        """Which of some loops to take, by what arrives and what is open."""
        self._write(
            f"def {name}(_p):",
            "    _low, _c, _zero = _pointer(_p.low, _REAL), _pointer(_p.constants, _REAL), _pointer(_p.rows, _REAL)",
            "    _a, _arrives, _open = _pointer(_p.arriving, _I8), _pointer(_p.arrives, _I8), _pointer(_p.open, _I8)",
            "    _weight = _REAL(_p.counted_weight)",
        )
        if not loops:
            self._write(f"    return {NEAR}", "")
            return
        by_kind = {(x.channels, x.rows, x.closed, x.quick): x for x in loops}
        everything = tuple(range(len(self.channels)))
        quick = self.equations.quick is not None
        if quick and steps == 1:
            self._write("    if _p.large:", f"        return {self._run(by_kind[everything, True, (), False])}")
        full = by_kind[everything, True, (), quick]
        first = by_kind.get(((0,), True, (), quick))
        if first is None or not self.neuron.quiet:
            self._write(f"    return {self._run(full)}", "")
            return
        arrives, opens = (" + ".join(f"{x}[{c}]" for c in everything[1:]) or "0" for x in ("_arrives", "_open"))
        self._write(f"    if {arrives} > 0:", f"        return {self._run(full)}")
        if steps == 1:
            self._write_whether_closed(opens, by_kind[(0,), True, everything[1:], quick], first)
            self._write("")
            return
        self._write("    if _p.lively:")
        self._write_whether_closed(opens, by_kind[(0,), True, everything[1:], quick], first, "        ")
        opened, closed = (by_kind[(0,), False, channels, quick] for channels in ((), everything[1:]))
        self._write("    if _arrives[0] + _open[0] > 0:")
        self._write_whether_closed(opens, closed, opened, "        ")
        self._write_whether_closed(opens, by_kind[(), False, everything, quick], opened)
        self._write("")

    def _write_whether_closed(self, opens: str, closed: Loop, opened: Loop, indent: str = "    ") -> None:
        """Which of two loops to take, by whether any of some channels is open."""
        self._write(f"{indent}if {opens} == 0:", f"{indent}    return {self._run(closed)}")
        self._write(f"{indent}return {self._run(opened)}")

    def _write_held(self) -> None:
        """Refractory neurons in a group of steps: what they keep is put back; one may come near its threshold after.

        What they keep may move other variables, so that these are computed again, but for neurons that promise it does
        not (``quiet``).
        """
        e, quiet = self.equations, self.neuron.quiet
        stepping = self._stepping(True)
        held = self.neuron.held
        self._write(
            "def _hold_group(_p, _t):",
            "    _here, _there = _pointer(_p.here, _REAL), _pointer(_p.there, _REAL)",
            "    _low, _c = _pointer(_p.low, _REAL), _pointer(_p.constants, _REAL)",
            "    _a, _held, _until = _pointer(_p.arriving, _I8), _pointer(_p.held, _I4), _pointer(_p.until, _I4)",
            "    _kept, _stride, _weight = _pointer(_p.values_held, _REAL), _p.stride, _REAL(_p.counted_weight)",
            *self._constants_for(stepping[1], e.fires, *self._arrives()),
            "    _near = False",
            "    for _h in _range(_p.n_held):",
            "        _j = _held[_h]",
            "        _free = _I8(_until[_j]) - _t",
            f"        if 0 < _free < {GROUP}:" if quiet else "        if 0 < _free:",
        )
        for k, name in enumerate(self.variables):
            kept = held.index(name) if name in held else None
            value = f"_kept[{kept} * _p.n + _h]" if kept is not None else f"_here[{k} * _stride + _j]"
            self._write(f"            {name} = {value}")
        self._write(f"            for _k in _range({GROUP}):")
        for channel in range(len(self.channels)):
            arriving = f"_pointer(_a[{channel * GROUP} + _k], {self._kind_of(channel)})[_j]"
            if channel == 0:
                for i in range(AT_ONCE):
                    place = f"{len(self.channels) * GROUP} + {AT_ONCE} * _k + {i}"
                    arriving = f"({arriving} + _pointer(_a[{place}], _REAL)[_j])"
            self._write(self._arrival(channel, arriving, " " * 16))
        for name in held:
            self._write(f"                _before_{name} = {name}")
        self._write(*self._assigned(*stepping, " " * 16))
        for name in held:
            self._write(f"                {name} = {name} if _k >= _free else _before_{name}")
        self._write(
            f"                _near |= _k >= _free and {self._fires_text('_low[_j]')}",
        )
        for name in held if quiet else self.variables:
            self._write(f"            _there[{self.variables.index(name)} * _stride + _j] = {name}")
        self._write(f"        if _free >= {GROUP}:" if held and quiet else "        if False:")
        for name in held if quiet else ():
            place = self.variables.index(name)
            self._write(f"            _there[{place} * _stride + _j] = _kept[{held.index(name)} * _p.n + _h]")
        self._write("            pass", "    return _near", "")

    def _write_fired(self) -> None:
        """Collect the neurons that fire; only where one of a whole group of lanes is near are they looked at singly."""
        fires = self.equations.fires
        exact = self._fires_text("_theta[_j] * _scale + _v_thresh")
        asked = asked_by(fires) if fires is not None else ("v",)
        loads = [f"{n} = _here[{k} * _stride + _j]" for k, n in enumerate(self.variables) if n in asked]
        if fires is None:
            near = ["_highest = v if v > _low[_j] else _low[_j]", "_near = _marked(_near, _highest, _low[_j])"]
        else:
            near = [f"_near |= _MARKS({self._fires_text('_low[_j]')})"]
        self._write(
            "def _fired(_p, _t):",
            "    _here, _low = _pointer(_p.here, _REAL), _pointer(_p.low, _REAL)",
            "    _theta = _pointer(_p.theta_now, _REAL)",
            "    _c, _until, _found = _pointer(_p.constants, _REAL), _pointer(_p.until, _I4), _pointer(_p.fired, _I4)",
            "    _stride, _n, _first = _p.stride, _p.n, _p.first",
            "    _scale, _v_thresh = _REAL(_p.scale), _REAL(_p.v_thresh)",
            *self._constants_for(fires),
            "    _n_fired = 0",
            "    for _begin in _range(0, _p.n_lanes, _LANES):",
            "        _near = _MARKS(0)",
            "        for _j in _range(_begin, _begin + _LANES):",
            *(f"            {line}" for line in [*loads, *near]),
            "        if _near != 0:",
            "            for _j in _range(_begin, _min(_begin + _LANES, _n)):",
            *(f"                {line}" for line in loads),
            f"                if {self._fires_text('_low[_j]')} and _until[_j] <= _t and {exact}:",
            "                    _found[_n_fired] = _first + _j",
            "                    _n_fired += 1",
            "    return _n_fired",
            "",
        )

    def _write_excess(self) -> None:
        """How far a neuron of the share is above its threshold."""
        self._write(
            "def _excess(_p, _j):",
            "    _here, _theta = _pointer(_p.here, _REAL), _pointer(_p.theta_now, _REAL)",
            "    _scale, _v_thresh = _REAL(_p.scale), _REAL(_p.v_thresh)",
            f"    v = _here[{self.variables.index('v')} * _p.stride + _j]",
            "    return v - (_theta[_j] * _scale + _v_thresh)",
            "",
        )

    def _write_reset(self, name: str) -> None:
        """The state of one neuron after its spike."""
        on_spike = self.equations.on_spike
        asked = [a for a in asked_by(on_spike) if a in self.variables]
        loads = [f"    {n} = _here[{self.variables.index(n)} * _stride + _j]" for n in asked]
        stores = [f"    _here[{self.variables.index(n)} * _stride + _j] = {n}" for n in asked]
        self._write(
            f"def {name}(_p, _j):",
            "    _here, _c, _stride = _pointer(_p.here, _REAL), _pointer(_p.constants, _REAL), _p.stride",
            *self._constants_for(on_spike),
            *loads,
            *self._assigned("on_spike", on_spike, "    "),
            *stores,
            "",
        )

    def _write_receive(self) -> None:
        """Add what arrived in a step without taking another."""
        used = sorted(set(self.targets))
        rows = [f"_pointer(_a[{c * GROUP}], {self._kind_of(c)})" for c in range(len(self.channels))]
        rows = rows or ["_pointer(_p.rows, _REAL)"]
        self._write(
            f"def _receive_all({self._rows_named('here')}, _in, _weight, _n, _c):",
            *self._constants_for(*self._arrives()),
            "    for _j in _range(_whole(_n)):",
            "        pass",
            *(f"        {self.variables[k]} = _here_{k}[_j]" for k in used),
            *(self._arrival(c, f"_in[{c}][_j]", "        ") for c in range(len(self.channels))),
            *(f"        _here_{k}[_j] = {self.variables[k]}" for k in used),
            "",
            "def _receive(_p):",
            "    _a = _pointer(_p.arriving, _I8)",
            f"    _in = ({', '.join(rows)},)",
            f"    _receive_all({self._rows_at('_p.here')}, _in, _REAL(_p.counted_weight), _p.n_lanes,",
            "                 _pointer(_p.constants, _REAL))",
            "",
        )

    def _write_tidy(self) -> None:
        tidy = self.equations.tidy
        asked = [a for a in asked_by(tidy) if a in self.variables] if tidy is not None else []
        used = sorted({*self.targets, *(self.variables.index(a) for a in asked)})
        self._write(
            f"def _tidy_all({self._rows_named('here')}, _open, _n, _c):",
            *self._constants_for(tidy),
            *(f"    _open_{c} = False" for c in range(len(self.channels))),
            "    for _j in _range(_whole(_n)):",
            "        pass",
            *(f"        {self.variables[k]} = _here_{k}[_j]" for k in used),
            *(self._assigned("tidy", tidy, "        ") if tidy is not None else []),
            *(f"        _here_{self.variables.index(a)}[_j] = {a}" for a in asked),
            *(f"        _open_{c} |= {self.variables[k]} != _REAL(0.0)" for c, k in enumerate(self.targets)),
            *(f"    _open[{c}] = _open_{c}" for c in range(len(self.channels))),
            "",
            "def _tidy(_p):",
            f"    _tidy_all({self._rows_at('_p.here')}, _pointer(_p.open, _I8), _p.n_lanes,",
            "              _pointer(_p.constants, _REAL))",
            "",
        )

    # Sleeping populations: the awake neurons are packed, each with its own variables.

    def _kept(self, k: int, name: str) -> str:
        """The value of a variable of the awake neuron at a place."""
        return "_REAL(0.0)" if name in self.zero else f"_here_{k}[_j]"

    def _write_awake(self, name: str, quick: bool) -> None:
        """One step of the awake neurons; those that are refractory keep what is held."""
        stepping, held = self._stepping(quick), self.neuron.held
        self._write(
            f"def {name}({self._rows_named('here')}, _until, _n, _t, _c):",
            *self._constants_for(stepping[1]),
            "    for _j in _range(_whole_few(_n)):",
            *(f"        {n} = {self._kept(k, n)}" for k, n in enumerate(self.variables)),
            *(f"        _before_{n} = {n}" for n in held),
            *self._assigned(*stepping, "        "),
            *(f"        {n} = {n} if _until[_j] <= _t else _before_{n}" for n in held),
            *(f"        _here_{k}[_j] = {n}" for k, n in enumerate(self.variables) if n not in self.zero),
            "",
        )

    def _write_ahead(self, quick: bool) -> None:
        """A group of steps of the awake neurons, put aside; whether one fires or strains the quick equations."""
        e = self.equations
        stepping, held = self._stepping(quick), self.neuron.held
        body = []
        for k in range(GROUP):
            body += [f"        _before_{n} = {n}" for n in held]
            if quick and e.strain is not None:
                body.append(f"        _stop |= {self._call('strain', e.strain)} > {e.bearable}")
            body += self._assigned(*stepping, "        ")
            body += [f"        {n} = {n} if _free <= {k} else _before_{n}" for n in held]
            body.append(f"        _stop |= (_free <= {k}) & ({self._fires_text('_v_thresh')})")
        self._write(
            f"def _awake_step_ahead_all({self._rows_named('here')}, {self._rows_named('ahead')}, _until, _n, _t,"
            " _v_thresh, _c):",
            *self._constants_for(stepping[1], e.strain if quick else None, e.fires),
            "    _stop = False",
            "    for _j in _range(_whole_few(_n)):",
            *(f"        {n} = {self._kept(k, n)}" for k, n in enumerate(self.variables)),
            "        _free = _I4(_until[_j] - _t)",
            *body,
            *(f"        _ahead_{k}[_j] = {n}" for k, n in enumerate(self.variables) if n not in self.zero),
            "    return _stop",
            "",
            "def _awake_step_ahead(_p, _n, _t):",
            f"    return _awake_step_ahead_all({self._rows_at('_p.here')}, {self._rows_at('_p.ahead')},",
            "                                 _pointer(_p.until, _I4), _n, _t, _REAL(_p.v_thresh),",
            "                                 _pointer(_p.constants, _REAL))",
            "",
        )

    def _write_strained(self) -> None:
        e = self.equations
        if e.strain is None:
            return
        asked = [a for a in asked_by(e.strain) if a in self.variables]
        self._write(
            f"def _any_strained({self._rows_named('here')}, _n, _c):",
            *self._constants_for(e.strain),
            "    _strained = False",
            "    for _j in _range(_whole_few(_n)):",
            *(f"        {n} = _here_{self.variables.index(n)}[_j]" for n in asked),
            f"        _strained |= {self._call('strain', e.strain)} > {e.bearable}",
            "    return _strained",
            "",
        )

    def _write_awake_choice(self, has_quick: bool) -> None:
        run = f"({self._rows_at('_p.here')}, _pointer(_p.until, _I4), _n, _t, _pointer(_p.constants, _REAL))"
        self._write("def _awake_step(_p, _n, _t):")
        if has_quick:
            self._write(
                f"    if not _any_strained({self._rows_at('_p.here')}, _n, _pointer(_p.constants, _REAL)):",
                f"        _awake_step_quick{run}",
                "        return",
            )
        self._write(f"    _awake_step_full{run}", "")

    def _write_fires_one(self) -> None:
        """Whether the awake neuron at a place is above its threshold."""
        fires = self.equations.fires
        asked = [a for a in (asked_by(fires) if fires is not None else ("v",)) if a in self.variables]
        self._write(
            "def _fires_one(_p, _j):",
            "    _here, _c, _stride = _pointer(_p.here, _REAL), _pointer(_p.constants, _REAL), _p.stride",
            *self._constants_for(fires),
            *(f"    {n} = _here[{self.variables.index(n)} * _stride + _j]" for n in asked),
            f"    return {self._fires_text('_REAL(_p.v_thresh)')}",
            "",
        )

    def _write_arrive_one(self) -> None:
        """Add a weight that arrives on a channel to the awake neuron at a place."""
        self._write(
            "def _arrive_one(_p, _a, _channel, _weight):",
            "    _here, _c, _stride = _pointer(_p.here, _REAL), _pointer(_p.constants, _REAL), _p.stride",
            *self._constants_for(*self._arrives()),
        )
        for channel, target in enumerate(self.targets):
            name = self.variables[target]
            self._write(
                f"    if _channel == {channel}:",
                f"        {name} = _here[{target} * _stride + _a]",
                self._arrival(channel, "_weight", "        "),
                f"        _here[{target} * _stride + _a] = {name}",
            )
        self._write("")

    def _write_settled(self) -> None:
        """Tidy the neuron at a place of some rows; whether nothing moves in it any longer."""
        e = self.equations
        tidy = self._assigned("tidy", e.tidy, "    ") if e.tidy is not None else []
        asked = [a for a in asked_by(e.tidy) if a in self.variables] if e.tidy is not None else []
        self._write(
            "def _settled(_p, _rows, _stride, _j, _tidies):",
            "    _c = _pointer(_p.constants, _REAL)",
            *self._constants_for(e.step, e.tidy, e.fires),
            *(f"    {n} = _rows[{k} * _stride + _j]" for k, n in enumerate(self.variables)),
            "    if _tidies:",
            "        pass",
            *("    " + line for line in tidy),
            *(f"        _rows[{self.variables.index(a)} * _stride + _j] = {a}" for a in asked),
            f"    if {self._fires_text('_REAL(_p.v_thresh)')}:",
            "        return False",
            *(f"    _before_{n} = {n}" for n in self.variables),
            *self._assigned("step", e.step, "    "),
            f"    return {' and '.join(f'{n} == _before_{n}' for n in self.variables)}",
            "",
        )
