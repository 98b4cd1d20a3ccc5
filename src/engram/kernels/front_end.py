"""Numba's front end, which gives parts their types and writes them down for LLVM, without what no part needs.

Numba is prepared for whatever a user may write, and that takes most of its time: it asks again and again for what is
known, looks over its work between all passes, and keeps words for messages at every step. What is private to Numba and
changed here is changed while :func:`front_end` is entered, and in no other place. The machine code is the same.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Generator

import llvmlite.binding as llvm
import numpy as np
from numba import types
from numba.core import (
    base,
    byteflow,
    cgutils,
    codegen,
    cpu,
    dispatcher,
    errors,
    interpreter,
    ir,
    lowering,
    postproc,
    ssa,
    typed_passes,
    typeinfer,
    untyped_passes,
)
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, _pass_registry
from numba.core.imputils import builtin_registry
from numba.core.targetconfig import ConfigStack
from numba.core.typing import Context, npydecl, templates
from numba.core.typing.templates import _TemplateTargetHelperMixin as _Helper


class Pipeline(CompilerBase):
    """What parts need of Numba's passes: they hold no closures, comprehensions or expressions of whole arrays."""

    def define_pipelines(self):
        """Numba's own order, less a dozen passes that would look for such."""
        return [_manager()]


class _Passes(PassManager):
    """Each pass leaves all in order by itself: between them nobody looks it over, listens, or takes the time."""

    def run(self, state):
        """Run the passes."""
        for step, _ in self.passes:
            one = _pass_registry.get(step).pass_inst
            one.analysis = self._analysis
            one.run_pass(state)


_PASSES = (
    untyped_passes.TranslateByteCode, untyped_passes.FixupArgs, untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants, untyped_passes.GenericRewrites, untyped_passes.ReconstructSSA,
    untyped_passes.DeadBranchPrune, typed_passes.NopythonTypeInference, typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization, typed_passes.NativeLowering, typed_passes.NoPythonBackend,
)  # fmt: skip


def _manager() -> PassManager:
    manager = _Passes("part")
    for step in _PASSES:
        manager.add_pass(step, step.__name__)
    manager.finalize()
    return manager


@contextlib.contextmanager
def front_end() -> Generator[None]:
    """Let Numba neither link, optimise nor translate what it compiles, nor look again and again for what is known."""
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in _CHANGES]
    collects = gc.isenabled()
    gc.disable()  # what is made is kept, so that looking for garbage, time and again, finds none
    try:
        for owner, name, changed in _CHANGES:
            setattr(owner, name, changed)
        yield
    finally:
        for owner, name, original in before:
            if original is None:
                delattr(owner, name)  # it was inherited
            else:
                setattr(owner, name, original)
        if collects:
            gc.enable()


# What is left undone: each function is linked, optimised and translated with all others of a routine.


def _finalize(library) -> None:
    library._finalized = True


def _add_ir_module(library, module) -> None:
    read = llvm.parse_assembly(cgutils.normalize_ir_text(str(module)))
    read.name, read.data_layout = module.name, library._codegen._data_layout
    library._final_module.link_in(read)


def _get_executable(*_):
    return [].append  # a function of its own that nobody calls


# What is asked for again and again.


def _target_registry(template, reason):
    """Asked for at every call of an intrinsic; all else is refreshed each time."""
    ours = template.metadata.get("target", "generic") in ("generic", "cpu")
    return builtin_registry if ours else _find_registry(template, reason)


def _operator_on_arrays(template, arguments, keywords):
    """Asked for at every sum of two numbers too."""
    kinds = [a.type if isinstance(a, types.Optional) else a for a in arguments]
    if any(isinstance(kind, types.ArrayCompatible) for kind in kinds):
        return _type_operator(template, arguments, keywords)
    return None


def _refresh(context) -> None:
    """Asked for many times a function; there is something new only after somebody has told of it."""
    now = [len(x) for registry in _REGISTRIES for x in vars(registry).values() if isinstance(x, list)]
    if now != _SEEN:
        _SEEN[:] = now
        _refresh_all(context)


def _call_type(function, context, arguments, keywords):
    """What a function of Numba's makes of some types, and by what: the same as before, whoever asked in between."""
    if keywords:
        return _find_call_type(function, context, arguments, keywords)
    known = function.__dict__.setdefault("_known_to_engram", {})
    flags = ConfigStack.top_or_none()
    key = (arguments, flags is not None and flags.nrt)
    if key not in known:
        signature = _find_call_type(function, context, arguments, keywords)
        known[key] = signature, function.get_impl_key(signature)
    signature, function._impl_keys[signature.args] = known[key]
    return signature


def _call_template(called, arguments, keywords):
    """A part is compiled once, and not again for each number that is written down as its argument."""
    arguments = tuple(types.unliteral(a) for a in arguments)
    return _find_call_template(called, arguments, keywords)


def _value_type(context, value):
    """The layout of a record, which is worked out whenever one is mentioned."""
    if not isinstance(value, np.dtype):
        return _find_value_type(context, value)
    if value not in _LAYOUTS:
        _LAYOUTS[value] = _find_value_type(context, value)
    return _LAYOUTS[value]


def _size(context, kind) -> int:
    """How many bytes a type takes, for which LLVM reads a module that is written for it."""
    if kind not in _SIZES:
        _SIZES[kind] = _find_size(context, kind)
    return _SIZES[kind]


def _is_part(code) -> bool:
    return getattr(code.func_id.func, "is_part", False)


def _look_over(after, emit_dels=False, extend_lifetimes=False):
    """Which variables live where is asked once, before a part is written down."""
    if emit_dels or not _is_part(after.func_ir):
        _look_over_all(after, emit_dels, extend_lifetimes)


def _has_place(function) -> bool:
    """Whether what writes an operation down asks where that stands, for which its signature is put together."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return _find_place(function)
    return "loc" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _without_contexts(code):
    """What ``with`` leaves behind, which no part has, is looked for in every line."""
    return code if _is_part(code) else _find_contexts(code)


def _without_dictionaries(code):
    """The same of dictionaries that are written down in pieces."""
    return code if _is_part(code) else _find_dictionaries(code)


def _variables(_, value) -> list:
    """Those that an instruction mentions, or what it holds."""
    found = []
    _collect((value,), found.append)
    return found


def _collect(values, add: Callable) -> None:
    for value in values:
        kind = type(value)
        if kind is ir.Var:
            add(value)
        elif kind is ir.Expr:
            _collect(value._kws.values(), add)
        elif kind is dict:
            _collect(value.values(), add)
        elif kind is tuple or kind is list:
            _collect(value, add)
        elif isinstance(value, ir.Inst):
            for variable in value.list_vars():
                add(variable)


# Words for messages that nobody will read: whatever a user wrote was compiled by itself before.


class _Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


_NOTHING = _Nothing()


def _no_words(*_, **__):
    return _NOTHING


class _Silent:
    def debug(self, *_):
        pass


_SILENT = _Silent()
_REGISTRIES = (builtin_registry, templates.builtin_registry)
_SEEN: list[int] = []
_find_registry, _type_operator = _Helper._get_target_registry, npydecl.NumpyRulesArrayOperator.generic
_refresh_all, _find_call_type = cpu.CPUContext.refresh, types.BaseFunction.get_call_type
_find_call_template = dispatcher.Dispatcher.get_call_template
_find_value_type, _find_size = Context.resolve_value_type, cpu.CPUContext.get_abi_sizeof
_find_place = base._has_loc
_find_contexts, _find_dictionaries = interpreter.peep_hole_delete_with_exit, interpreter.peep_hole_fuse_dict_add_updates
_look_over_all = postproc.PostProcessor.run
_LAYOUTS: dict = {}
_SIZES: dict = {}

_CHANGES = (
    (cpu.CPUContext, "refresh", _refresh),
    (codegen.CPUCodeLibrary, "finalize", _finalize),
    (codegen.CPUCodeLibrary, "add_ir_module", _add_ir_module),
    (cpu.CPUContext, "get_executable", _get_executable),
    (_Helper, "_get_target_registry", _target_registry),
    (npydecl.NumpyRulesArrayOperator, "generic", _operator_on_arrays),
    (types.BaseFunction, "get_call_type", _call_type),
    (dispatcher.Dispatcher, "get_call_template", _call_template),
    (Context, "resolve_value_type", _value_type),
    (cpu.CPUContext, "get_abi_sizeof", _size),
    (postproc.PostProcessor, "run", _look_over),
    (base, "_has_loc", _has_place),
    (ir.Inst, "_rec_list_vars", _variables),
    (interpreter, "peep_hole_delete_with_exit", _without_contexts),
    (interpreter, "peep_hole_fuse_dict_add_updates", _without_dictionaries),
    (byteflow, "_logger", _SILENT),
    (ssa, "_logger", _SILENT),
    (typeinfer, "new_error_context", _no_words),
    (lowering, "new_error_context", _no_words),
    (vars(errors)["WarningsFixer"], "catch_warnings", _no_words),
)
