// The log's way to the disk: past the page cache, or through it where the file system or the disk wants that.
import Foundation
import Testing

extension Failures {
    @Suite("Past the page cache", .serialized)
    struct Direct {
        #if arch(arm64)
            private static let direct = 0o200000
        #else
            private static let direct = 0o40000
        #endif

        /// Whether the file system of temporary files can do it.
        private static let isPossible: Bool = {
            let path = NSTemporaryDirectory() + "/rast-direct-\(getpid())"
            let descriptor = open(path, O_WRONLY | O_CREAT | Int32(direct), 0o600)
            defer {
                close(descriptor)
                unlink(path)
            }
            return descriptor >= 0
        }()

        private static let canMount: Bool =
            (try? Run("unshare", ["-rm", "mount", "-t", "ramfs", "none", "/mnt"]))?.end == 0

        /// Whether each open file of node 1's log passes the cache by.
        private func logFiles(_ cluster: Cluster) throws -> [Bool] {
            let process = try #require(cluster[1].process?.id)
            let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
            return names.compactMap { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/\(process)/fd/\(name)")
                let info = try? String(contentsOfFile: "/proc/\(process)/fdinfo/\(name)", encoding: .utf8)
                guard let target, target.hasSuffix(".ndjson") || target.hasSuffix(".spare"),
                    let line = info?.split(separator: "\n").first(where: { $0.hasPrefix("flags:") }),
                    let flags = Int(line.filter(\.isNumber), radix: 8)
                else { return nil }
                return flags & Self.direct != 0
            }
        }

        private static let sizes = stride(from: 0, through: 20, by: 4).map { 1 << $0 }

        /// Values from a byte to the largest, and a transaction that takes several writes.
        private func fill(_ cluster: Cluster) {
            for size in Self.sizes {
                let value = String(repeating: "v", count: size)
                #expect(cluster.ask(.put(cluster.url(1, "/kv/\(size)"), value)).status == 201)
            }
            let value = String(repeating: "t", count: 900_000)
            let puts = (0..<4).map { "{\"put\":{\"key\":\"t\($0)\",\"value\":\"\(value)\"}}" }
            let body = "{\"then\":[\(puts.joined(separator: ","))]}"
            #expect(cluster.ask(.post(cluster.url(1, "/txn"), body)).status == 200)
        }

        private func expectAll(_ cluster: Cluster) {
            for size in Self.sizes {
                let answer = cluster.get(1, "/kv/\(size)")
                #expect(answer?.status == 200 && answer?.body.count == size)
            }
            for number in 0..<4 { #expect(cluster.get(1, "/kv/t\(number)")?.body.count == 900_000) }
        }

        @Test("the log passes the cache by, and is all there after a kill", .enabled(if: isPossible))
        func passesBy() throws {
            try withCluster(of: 1) { cluster in
                fill(cluster)
                let files = try logFiles(cluster)
                #expect(!files.isEmpty && !files.contains(false), "\(files)")
                cluster.kill(1)
                try cluster.start(1)
                try cluster.ready()
                expectAll(cluster)
            }
        }

        @Test("a file system that cannot do that has the log as others have it", .enabled(if: canMount))
        func impossible() throws {
            try withCluster(of: 1, isStarted: false) { cluster in
                let data = cluster[1].data
                try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
                let script = "mount -t ramfs none \"$0\" && exec \"$@\""
                // It states no size: there is no room to be kept free.
                try cluster.start(
                    1, under: "unshare", ["-rm", "sh", "-c", script, data], ["--disk-reserve", "0"])
                try cluster.ready()
                fill(cluster)
                let files = try logFiles(cluster)
                #expect(!files.isEmpty && !files.contains(true), "\(files)")
                expectAll(cluster)
            }
        }

        @Test(
            "a disk that refuses such a write gets it through the cache",
            .enabled(if: isPossible && Cluster.canTrace))
        func refused() throws {
            try withCluster(of: 1) { cluster in
                try cluster.tracing(1, "pwrite64:error=EINVAL:when=1") {
                    #expect(cluster.ask(.put(cluster.url(1, "/kv/a"), "1")).status == 201)
                }
                #expect(try logFiles(cluster).contains(false))
                fill(cluster)
                cluster.kill(1)
                try cluster.start(1)
                try cluster.ready()
                expectAll(cluster)
                #expect(cluster.get(1, "/kv/a")?.text == "1")
            }
        }
    }
}
