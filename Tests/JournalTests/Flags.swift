// Flags of the environment that make tests longer.
import Glibc

enum ProcessInfoFlag {
    /// Whether the variable is set to something.
    static func isSet(_ name: String) -> Bool { getenv(name) != nil }
}
