"""A source archive out of Debian's source package, pinned by its sha256.

The archive comes through the machine's own apt configuration, so that no mirror
is named here: the rule copies the machine's entries as `deb-src` ones into a
private list and asks apt for the source package alone.
"""

_DOWNLOAD = """
set -eu
mkdir -p apt/lists/partial apt/source
: > apt/sources.list
# One-line entries.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -f "$list" ] || continue
  sed -n 's/^deb[[:space:]]/deb-src /p' "$list" >> apt/sources.list
done
# deb822 entries.
: > apt/source/machine.sources
for list in /etc/apt/sources.list.d/*.sources; do
  [ -f "$list" ] || continue
  sed 's/^Types:.*/Types: deb-src/' "$list" >> apt/source/machine.sources
  echo >> apt/source/machine.sources
done
apt_private() {
  apt-get -q -o Dir::Etc::sourcelist="$PWD/apt/sources.list" \\
    -o Dir::Etc::sourceparts="$PWD/apt/source" \\
    -o Dir::State::Lists="$PWD/apt/lists" \\
    -o Dir::Cache::srcpkgcache="" -o Dir::Cache::pkgcache="" \\
    -o APT::Sandbox::User=root "$@"
}
# A third-party entry without sources may fail; the package itself decides.
apt_private update || true
apt_private source --download-only "$1"
"""

def _debian_source_impl(ctx):
    ctx.file("download.sh", _DOWNLOAD, executable = True)
    result = ctx.execute(
        ["bash", "./download.sh", ctx.attr.package],
        timeout = 600,
        quiet = True,
    )
    if not ctx.path(ctx.attr.archive).exists:
        fail("cannot fetch the Debian source package {}:\n{}\n{}".format(
            ctx.attr.package,
            result.stdout,
            result.stderr,
        ))
    sha256 = ctx.execute(["sha256sum", ctx.attr.archive]).stdout.split(" ")[0]
    if sha256 != ctx.attr.sha256:
        fail("{} has sha256 {}, expected {}".format(ctx.attr.archive, sha256, ctx.attr.sha256))
    unpacked = ctx.execute(["tar", "xf", ctx.attr.archive, "--strip-components=1"])
    if unpacked.return_code != 0:
        fail("cannot unpack {}: {}".format(ctx.attr.archive, unpacked.stderr))
    for patch in ctx.attr.patches:
        ctx.patch(patch, strip = 1)
    ctx.delete("apt")
    ctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(ctx.name))
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

debian_source = repository_rule(
    implementation = _debian_source_impl,
    attrs = {
        "archive": attr.string(doc = "File name of the upstream archive.", mandatory = True),
        "build_file": attr.label(allow_single_file = True, mandatory = True),
        "package": attr.string(doc = "Source package, `name=version`.", mandatory = True),
        "patches": attr.label_list(doc = "Applied in order, with -p1."),
        "sha256": attr.string(doc = "Of the archive.", mandatory = True),
    },
)
