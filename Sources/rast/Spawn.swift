// How other programs are started: with no signal blocked, whatever this process has blocked for itself.
internal import Glibc

/// Why a program could not be started: an error number.
struct SpawnFailure: Error {
    let code: Int32
    var reason: String { String(cString: strerror(code)) }
}

/// Starts a program; one without a slash is looked for in the PATH.
///
/// - Parameters:
///   - program: its file.
///   - arguments: its name first.
///   - isGroup: whether it begins a process group of its own, so that Ctrl-C does not reach it by itself.
/// - Returns: the process.
/// - Throws: what the system says.
func spawn(
    _ program: String, _ arguments: [String], asGroup isGroup: Bool = false
) throws(SpawnFailure) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | (isGroup ? POSIX_SPAWN_SETPGROUP : 0)
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawnp(&process, program, nil, &attributes, &pointers, environ)
    guard code == 0 else { throw SpawnFailure(code: code) }
    return process
}
