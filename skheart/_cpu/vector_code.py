"""Write functions for vector registers in Python, and compile them with LLVM in memory.

A `Value` stands for a number, a pointer, or LANES numbers side by side in a vector register; its
operators append instructions to a function instead of computing. LLVM comes with llvmlite, on
which numba stands. numba takes 30 times as long to compile the same steps, and uses half of the
width of the registers.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading

import llvmlite.binding as llvm
from llvmlite import ir

from .._utils.parallel import hold_at_fork

# Two registers where vectors have four float64 (AVX2), and still the best number there.
LANES = 8

_ELEMENTS = {
    "f8": ir.DoubleType(),
    "f4": ir.FloatType(),
    "i8": ir.IntType(64),
    "i4": ir.IntType(32),
    "i1": ir.IntType(1),
}
_KINDS = {str(element): kind for kind, element in _ELEMENTS.items()}
_C_TYPES = {"f8": ctypes.c_double, "f4": ctypes.c_float, "i8": ctypes.c_int64}
_LOCK = threading.Lock()
hold_at_fork(_LOCK)


def _vector(kind):
    return ir.VectorType(_ELEMENTS[kind], LANES)


class Value:
    """A number, LANES numbers, or a pointer, in a function that is being written.

    Operands may be Python numbers. Beside a vector, a single number counts as LANES equal ones.
    """

    def __init__(self, function, handle):
        self._function = function
        self._builder = function.builder
        self._handle = handle

    @property
    def wide(self):
        """Whether this is a vector."""
        return isinstance(self._handle.type, ir.VectorType)

    @property
    def kind(self):
        """Type of the numbers: "f8", "f4", "i8", "i4" or "i1"."""
        return _KINDS[str(self._handle.type.element if self.wide else self._handle.type)]

    def _new(self, handle):
        return Value(self._function, handle)

    def _pair(self, other):
        """Return handles of both, of one type."""
        if not isinstance(other, Value):
            constant = ir.Constant(_ELEMENTS[self.kind], other)
            other = self._new(constant)
        first, second = self, other
        if first.wide != second.wide:
            first, second = first.spread(), second.spread()
        return first._handle, second._handle

    def spread(self):
        """Return a vector with the number in all lanes."""
        if self.wide:
            return self
        empty = ir.Constant(_vector(self.kind), ir.Undefined)
        single = self._builder.insert_element(empty, self._handle, _lane(0))
        return self._new(self._builder.shuffle_vector(single, empty, _order([0] * LANES)))

    def _arithmetic(self, integer, real, first, second):
        if self.kind[0] == "i":
            return self._new(getattr(self._builder, integer)(first, second))
        # A product that is only added to something may be fused with the sum.
        return self._new(getattr(self._builder, real)(first, second, flags=("contract",)))

    def __add__(self, other):
        return self._arithmetic("add", "fadd", *self._pair(other))

    def __sub__(self, other):
        return self._arithmetic("sub", "fsub", *self._pair(other))

    def __mul__(self, other):
        return self._arithmetic("mul", "fmul", *self._pair(other))

    def __neg__(self):
        negate = self._builder.fneg if self.kind[0] == "f" else self._builder.neg
        return self._new(negate(self._handle))

    def __lt__(self, other):
        compare = "fcmp_ordered" if self.kind[0] == "f" else "icmp_signed"
        return self._new(getattr(self._builder, compare)("<", *self._pair(other)))

    def sqrt(self):
        """Return the square root of a vector."""
        kind = self._handle.type
        name = f"llvm.sqrt.v{LANES}f{64 if self.kind == 'f8' else 32}"
        module = self._function.module
        root = module.globals.get(name) or ir.Function(module, ir.FunctionType(kind, [kind]), name)
        return self._new(self._builder.call(root, [self._handle]))

    def to(self, kind):
        """Convert to another type."""
        convert = {
            ("f4", "f8"): self._builder.fpext,
            ("f8", "f4"): self._builder.fptrunc,
        }.get((self.kind, kind), self._builder.bitcast)
        return self._new(convert(self._handle, _vector(kind) if self.wide else _ELEMENTS[kind]))

    def where(self, condition, other):
        """Return these numbers where the condition holds, and others elsewhere."""
        first, second = self._pair(other)
        return self._new(self._builder.select(condition._handle, first, second))

    def interleave(self, other):
        """Return the lanes of two vectors in turn, as two vectors."""
        halves = []
        for start in (0, LANES // 2):
            order = [lane for k in range(start, start + LANES // 2) for lane in (k, LANES + k)]
            shuffled = self._builder.shuffle_vector(self._handle, other._handle, _order(order))
            halves.append(self._new(shuffled))
        return halves

    def __getitem__(self, index):
        """Load the number at an index behind a pointer."""
        return self._new(self._builder.load(self.at(index)._handle))

    def __setitem__(self, index, value):
        self._builder.store(value._handle, self.at(index)._handle)

    def at(self, index):
        """Return a pointer to an index behind this one."""
        index = index if isinstance(index, Value) else self._function.number(index)
        return self._new(self._builder.gep(self._handle, [index._handle]))

    def prefetch(self, write=False):
        """Ask for memory to be brought to the cache while other work goes on."""
        module, number = self._function.module, _ELEMENTS["i4"]
        byte = ir.IntType(8).as_pointer()
        name = "llvm.prefetch.p0"
        call = module.globals.get(name) or ir.Function(
            module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), name
        )
        address = self._builder.bitcast(self._handle, byte)
        flags = [ir.Constant(number, flag) for flag in (int(write), 3, 1)]
        self._builder.call(call, [address, *flags])

    def rows(self):
        """Return the vectors behind a pointer."""
        return _Rows(self)


class _Rows:
    """Vectors behind a pointer: `rows[k]` holds the numbers from LANES * k on."""

    def __init__(self, pointer):
        self._pointer = pointer

    def __getitem__(self, index):
        return load(self._pointer.at(index * LANES))

    def __setitem__(self, index, vector):
        store(self._pointer.at(index * LANES), vector)


def load(pointer):
    """Load LANES numbers."""
    address, size = _address(pointer, pointer._handle.type.pointee)
    return pointer._new(pointer._builder.load(address, align=size))


def store(pointer, vector):
    """Store LANES numbers."""
    address, size = _address(pointer, vector._handle.type.element)
    pointer._builder.store(vector._handle, address, align=size)


def _address(pointer, element):
    kind = _KINDS[str(element)]
    vector = _vector(kind).as_pointer()
    return pointer._builder.bitcast(pointer._handle, vector), int(kind[1])


def _lane(number):
    return ir.Constant(_ELEMENTS["i4"], number)


def _order(lanes):
    return ir.Constant(ir.VectorType(_ELEMENTS["i4"], len(lanes)), lanes)


class Function:
    """A function that is written and then compiled.

    Parameters
    ----------
    arguments : dict of str to str
        The type of each argument, in order; a ``"*"`` after it makes it a pointer.
    """

    def __init__(self, arguments):
        self._types = list(arguments.values())
        types = [_ELEMENTS[kind[:2]] for kind in self._types]
        types = [
            element.as_pointer() if kind.endswith("*") else element
            for kind, element in zip(self._types, types, strict=True)
        ]
        self.module = ir.Module()
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), types), "function")
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.arguments = {
            name: Value(self, handle) for name, handle in zip(arguments, function.args, strict=True)
        }

    def number(self, value):
        """Return a constant as a Value."""
        return Value(self, ir.Constant(_ELEMENTS["i8" if isinstance(value, int) else "f8"], value))

    def gather(self, numbers):
        """Return a vector of LANES numbers."""
        vector = ir.Constant(_vector(numbers[0].kind), ir.Undefined)
        for lane, number in enumerate(numbers):
            vector = self.builder.insert_element(vector, number._handle, _lane(lane))
        return Value(self, vector)

    @contextlib.contextmanager
    def loop(self, start, stop, step=1, carry=None):
        """Write a loop whose body is the block inside; it runs at least once.

        Yields the index. With a `carry`, also yields a list of its value, to which the block
        appends the value for the next turn, and which ends with the last value.
        """
        builder = self.builder
        before, body = builder.block, builder.append_basic_block()
        builder.branch(body)
        builder.position_at_end(body)
        index, start = builder.phi(_ELEMENTS["i8"]), self.number(0)._pair(start)[1]
        index.add_incoming(start, before)
        index = Value(self, index)
        carried = []
        if carry is not None:
            phi = builder.phi(carry._handle.type)
            phi.add_incoming(carry._handle, before)
            carried.append(Value(self, phi))
        yield (index, carried) if carried else index
        following = index + step
        index._handle.add_incoming(following._handle, builder.block)
        if carried:
            phi.add_incoming(carried[-1]._handle, builder.block)
        after = builder.append_basic_block()
        builder.cbranch((following < stop)._handle, body, after)
        builder.position_at_end(after)

    def compile(self):
        """Return a Python function of numbers and addresses, which runs without the GIL."""
        self.builder.ret_void()
        with _LOCK:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            machine = llvm.Target.from_default_triple().create_target_machine(
                cpu=llvm.get_host_cpu_name(),
                features=llvm.get_host_cpu_features().flatten(),
                opt=3,
                jit=True,
                codemodel="jitdefault",
            )
            module = llvm.parse_assembly(str(self.module))
            module.verify()
            engine = llvm.create_mcjit_compiler(module, machine)
            engine.finalize_object()
            address = engine.get_function_address("function")
        types = [ctypes.c_void_p if t.endswith("*") else _C_TYPES[t] for t in self._types]
        compiled = ctypes.CFUNCTYPE(None, *types)(address)
        compiled.engine = engine  # the code lives as long as this does
        return compiled
