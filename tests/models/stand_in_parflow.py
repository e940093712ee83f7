"""Stands in for ParFlow: refuses what ParFlow would choke on, then moves heads by a closed form.

    python stand_in_parflow.py RUN        in the directory of the run, as the executable is called

In each column all heads change by (source of the top cell × its thickness / porosity - 0.01 K)
× time. It shares no code with the adapter or pftools: a mistake of theirs shows here.
"""

import struct
import sys
import time
from pathlib import Path

import numpy as np

DRAINED = 0.01
REFUSED = 2
# Heads [m] of the wettest cell at which things go wrong, as they do with the real one.
DIES, LEAVES_NOTHING, GIVES_UP, HANGS, SPOILS = 100.0, 101.0, 102.0, 103.0, 104.0
NEEDED = (
    "FileVersion",
    "Process.Topology.P",
    "ComputationalGrid.NX",
    "TimingInfo.BaseUnit",
    "TimingInfo.StopTime",
    "TimingInfo.DumpInterval",
    "TimeStep.Value",
    "Geom.domain.ICPressure.FileName",
    "Geom.domain.Perm.FileName",
    "Geom.domain.Porosity.FileName",
    "Geom.domain.Saturation.Alpha.Filename",
    "Geom.domain.RelPerm.N.Filename",
    "Solver.PrintPressure",
)
CLM_FILES = ("drv_clmin.dat", "drv_vegm.dat", "drv_vegp.dat")


def keys_of(path):
    """The keys of a pfidb file, whose counts must be right."""
    lines = Path(path).read_text().splitlines()
    count, rest = int(lines[0]), lines[1:]
    check(len(rest) == 4 * count, f"{path} says {count} keys and has {len(rest) / 4}")
    keys = {}
    for i in range(0, len(rest), 4):
        long, key, wide, value = rest[i : i + 4]
        check(int(long) == len(key) and int(wide) == len(value), f"{path}: {key} is cut")
        keys[key] = value
    return keys


def read_pfb(path, processes):
    """A field [z, y, x], cut into the subgrids of the process grid, with its distribution file."""
    check(path.is_file(), f"{path} is missing")
    data = path.read_bytes()
    nx, ny, nz = struct.unpack(">3i", data[24:36])
    (subgrids,) = struct.unpack(">i", data[60:64])
    check(subgrids == np.prod(processes), f"{path} has {subgrids} subgrids for {processes}")
    field, at, starts = np.full((nz, ny, nx), np.nan), 64, []
    for _ in range(subgrids):
        starts.append(at)
        ix, iy, iz, sx, sy, sz, *_ = struct.unpack(">9i", data[at : at + 36])
        at += 36
        values = np.frombuffer(data, ">f8", sx * sy * sz, at).reshape(sz, sy, sx)
        at += values.nbytes
        field[iz : iz + sz, iy : iy + sy, ix : ix + sx] = values
    check(at == len(data) and np.isfinite(field).all(), f"{path} does not fill its grid")
    dist = path.with_name(path.name + ".dist")
    check(dist.is_file(), f"{path} has no distribution file")
    offsets = [int(line) for line in dist.read_text().split()][:subgrids]
    wanted = [start - 64 if i == 0 else start for i, start in enumerate(starts)]
    check(offsets == wanted, f"{dist} says {offsets}; the subgrids begin at {wanted}")
    return field


def write_pfb(path, field):
    """`field` [z, y, x] in one subgrid, as one process writes it."""
    nz, ny, nx = field.shape
    head = struct.pack(">3d3i3di", 0, 0, 0, nx, ny, nz, 1, 1, 1, 1)
    sub = struct.pack(">9i", 0, 0, 0, nx, ny, nz, 1, 1, 1)
    Path(path).write_bytes(head + sub + field.astype(">f8").tobytes())


def check(fine, words):
    if not fine:
        print(f"stand-in: {words}", flush=True)
        sys.exit(REFUSED)


def thickness_of(keys, nz):
    dz = np.full(nz, float(keys["ComputationalGrid.DZ"]))
    if keys.get("Solver.Nonlinear.VariableDz") == "True":
        dz *= [float(keys[f"Cell.{k}.dzScale.Value"]) for k in range(nz)]
    return dz


def water_in(keys, steps, shape, processes):
    """Rate of water into the top cells at each step [m per unit of time], (y, x) or a number."""
    if keys.get("Solver.LSM") == "CLM":
        return clm(keys, steps, shape, processes)
    name = keys.get("Solver.EvapTrans.FileName", "")
    if keys.get("Solver.EvapTransFile") == "True":
        files = [Path(name)] * steps
    elif keys.get("Solver.EvapTransFileTransient") == "True":
        files = [Path(f"{name}.{step:05d}.pfb") for step in range(steps)]
    else:
        return [0.0] * steps
    sources = [read_pfb(path, processes) for path in files]
    check(all(not s[:-1].any() for s in sources), "sources below the top cells")
    return [source[-1] * thickness_of(keys, shape[0])[-1] for source in sources]


def clm(keys, steps, shape, processes):
    """Rain, as CLM would read it; the restart counts the hours since the beginning."""
    for name in CLM_FILES:
        check(Path(name).is_file(), f"{name} is missing")
    lines = Path("drv_clmin.dat").read_text().splitlines()
    settings = {line.split()[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    check(settings["startcode"] == "2", "the date must come from drv_clmin.dat")
    check(2000 <= int(settings["syr"]) < 2100 and int(settings["eyr"]) > 2100, "no date")
    hours = 0
    if settings["clm_ic"] == "1":
        kept = Path(settings["rstf"] + "00000.0")
        check(kept.is_file(), f"{kept} is missing")
        hours = int(kept.read_text())
    Path(settings["rstf"] + "00000.0").write_text(str(hours + steps))
    name = keys["Solver.CLM.MetFileName"]
    if keys["Solver.CLM.MetForcing"] == "1D":
        table = np.loadtxt(name, ndmin=2)
        check(table.shape == (steps, 8), f"the weather has shape {table.shape}")
        check((table[:, 7] < 0.05).all() and (table[:, 6] > 4e4).all(), "the weather is mixed up")
        rain = list(table[:, 2])
    else:
        rain = [
            read_pfb(Path(f"{name}.APCP.{step + 1:06d}.pfb"), processes)[0] for step in range(steps)
        ]
    return [3600.0 * mm_per_second / 1000.0 for mm_per_second in rain]


def main(run):
    keys = keys_of(f"{run}.pfidb")
    for key in NEEDED:
        check(key in keys, f"the key {key} is missing")
    processes = tuple(int(keys[f"Process.Topology.{p}"]) for p in "PQR")
    shape = tuple(int(keys[f"ComputationalGrid.N{axis}"]) for axis in "ZYX")
    fields = {}
    for key, value in keys.items():
        if value.endswith(".pfb") and not key.startswith("Solver."):
            fields[key] = read_pfb(Path(value), processes)
            wanted = (1, *shape[1:]) if key.startswith("TopoSlopes") else shape
            check(fields[key].shape == wanted, f"{key} is {fields[key].shape}, not {wanted}")
    total, base = float(keys["TimingInfo.StopTime"]), float(keys["TimingInfo.BaseUnit"])
    steps = round(total / base)
    check(abs(steps * base - total) < 1e-9, f"{total} is no whole number of {base}")
    check(float(keys["TimeStep.Value"]) <= base, "the time step is longer than the base unit")
    check(float(keys["TimingInfo.StartTime"]) == 0.0, "the clock must begin at zero")
    h, perm, porosity = (
        fields[f"Geom.domain.{name}.FileName"] for name in ("ICPressure", "Perm", "Porosity")
    )
    print(f"stand-in: {steps} steps from {h.max():g} m", flush=True)
    wettest = h.max()
    if DIES <= wettest < LEAVES_NOTHING:
        sys.exit("The nonlinear solver did not converge")
    if HANGS <= wettest < SPOILS:
        time.sleep(30.0)
    for rate in water_in(keys, steps, shape, processes):
        h = h + base * (rate / porosity[-1] - DRAINED * perm[-1])
    if wettest >= SPOILS:
        h[0] = -3.4e38
    if GIVES_UP <= wettest < HANGS:
        print("Error: Time step failed for time   1.2500e-01.")
    print("Problem solved")  # which the real one says then, too
    if not LEAVES_NOTHING <= wettest < GIVES_UP:
        write_pfb(f"{run}.out.press.00001.pfb", h)


def hillslope(processes=(1, 1, 1), **more):
    """Keys of a small slope with overland flow, which the real ParFlow runs as well."""
    faces = "x-lower x-upper y-lower y-upper z-lower z-upper"
    keys = {
        "FileVersion": 4,
        **{f"Process.Topology.{axis}": n for axis, n in zip("PQR", processes, strict=True)},
        **{f"ComputationalGrid.Lower.{axis}": 0.0 for axis in "XYZ"},
        "ComputationalGrid.DX": 10.0,
        "ComputationalGrid.DY": 10.0,
        "ComputationalGrid.DZ": 0.5,
        "ComputationalGrid.NX": 4,
        "ComputationalGrid.NY": 3,
        "ComputationalGrid.NZ": 5,
        "Solver.Nonlinear.VariableDz": True,
        "dzScale.GeomNames": "domain",
        "dzScale.Type": "nzList",
        "dzScale.nzListNumber": 5,
        **{f"Cell.{k}.dzScale.Value": scale for k, scale in enumerate((2.0, 1.0, 0.5, 0.3, 0.2))},
        "GeomInput.Names": "box",
        "GeomInput.box.InputType": "Box",
        "GeomInput.box.GeomName": "domain",
        **{f"Geom.domain.Lower.{axis}": 0.0 for axis in "XYZ"},
        "Geom.domain.Upper.X": 40.0,
        "Geom.domain.Upper.Y": 30.0,
        "Geom.domain.Upper.Z": 2.5,
        "Geom.domain.Patches": faces,
        "Domain.GeomName": "domain",
        "Perm.TensorType": "TensorByGeom",
        "Geom.Perm.TensorByGeom.Names": "domain",
        **{f"Geom.domain.Perm.TensorVal{axis}": 1.0 for axis in "XYZ"},
        "SpecificStorage.Type": "Constant",
        "SpecificStorage.GeomNames": "domain",
        "Geom.domain.SpecificStorage.Value": 1e-5,
        "Phase.Names": "water",
        **{f"Phase.water.{name}.Type": "Constant" for name in ("Density", "Viscosity", "Mobility")},
        **{f"Phase.water.{name}.Value": 1.0 for name in ("Density", "Viscosity", "Mobility")},
        "Contaminants.Names": "",
        "Geom.Retardation.GeomNames": "",
        "Gravity": 1.0,
        "Wells.Names": "",
        "Cycle.Names": "constant",
        "Cycle.constant.Names": "alltime",
        "Cycle.constant.alltime.Length": 1,
        "Cycle.constant.Repeat": -1,
        "BCPressure.PatchNames": faces,
        **{f"Patch.{face}.BCPressure.Type": "FluxConst" for face in faces.split()},
        **{f"Patch.{face}.BCPressure.Cycle": "constant" for face in faces.split()},
        **{f"Patch.{face}.BCPressure.alltime.Value": 0.0 for face in faces.split()},
        "Patch.z-upper.BCPressure.Type": "OverlandKinematic",
        **{f"TopoSlopes{axis}.Type": "PFBFile" for axis in "XY"},
        **{f"TopoSlopes{axis}.GeomNames": "domain" for axis in "XY"},
        "TopoSlopesX.FileName": "slope_x.pfb",
        "TopoSlopesY.FileName": "slope_y.pfb",
        "Mannings.Type": "Constant",
        "Mannings.GeomNames": "domain",
        "Mannings.Geom.domain.Value": 5.5e-6,
        "PhaseSources.water.Type": "Constant",
        "PhaseSources.water.GeomNames": "domain",
        "PhaseSources.water.Geom.domain.Value": 0.0,
        "KnownSolution": "NoKnownSolution",
        "Solver": "Richards",
        "Solver.TerrainFollowingGrid": True,
        "Solver.MaxIter": 2500,
        "Solver.Drop": 1e-20,
        "Solver.AbsTol": 1e-8,
        "Solver.MaxConvergenceFailures": 4,
        "Solver.Nonlinear.MaxIter": 50,
        "Solver.Nonlinear.ResidualTol": 1e-9,
        "Solver.Nonlinear.EtaChoice": "EtaConstant",
        "Solver.Nonlinear.EtaValue": 1e-3,
        "Solver.Nonlinear.UseJacobian": True,
        "Solver.Nonlinear.StepTol": 1e-30,
        "Solver.Nonlinear.Globalization": "LineSearch",
        "Solver.Linear.KrylovDimension": 30,
        "Solver.Linear.MaxRestarts": 2,
        "Solver.Linear.Preconditioner": "MGSemi",
    }
    return keys | more


def write_definition(folder, processes=(1, 1, 1), **more):
    """The path of `hillslope` as a pfidb file in `folder`, with the slopes beside it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_pfb(folder / "slope_x.pfb", np.full((1, 3, 4), 0.02))
    write_pfb(folder / "slope_y.pfb", np.full((1, 3, 4), 0.0))
    for name in CLM_FILES[1:]:
        (folder / name).write_text("")
    (folder / CLM_FILES[0]).write_text(
        "! comments stay\nmaxt           1          tiles\nstartcode      1          restart\n"
        "clm_ic         1          restart\nsyr            1999       year\nrstf           x.\n"
    )
    keys = hillslope(processes, **more)
    lines = [str(len(keys))]
    for key, value in keys.items():
        lines += [str(len(key)), key, str(len(str(value))), str(value)]
    path = folder / "hillslope.pfidb"
    path.write_text("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    main(sys.argv[1])
