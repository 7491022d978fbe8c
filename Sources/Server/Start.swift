// From a configuration to a running node: directory, recovery, threads, listener, loop.
internal import API
internal import Consensus
internal import HTTP
internal import Journal
internal import KeyValue
public import Logging
internal import Network
internal import Replica
internal import Wire

/// Runs a node until it is asked to end (SIGTERM, SIGINT). Blocks.
///
/// - Throws: ``StartFailure`` if the node cannot start or go on, with what to do about it.
public func serve(
    _ configuration: Configuration, logLevel: Logger.Level, logForm: LogForm = .text
) throws(StartFailure) {
    ignoreBrokenPipes()
    do {
        // Blocked signals are inherited: before any thread is started.
        let signals = try SignalInbox()
        let writer = try LogWriter(form: logForm)
        defer { writer.close() }
        var log = Logger(label: "rast") { _ in LogLines(writer, level: logLevel) }
        log[metadataKey: "node"] = "\(configuration.node)"
        var node = try Node.start(configuration, signals, log)
        try node.run()
        node.close()
    } catch let failure as StartFailure {
        throw failure
    } catch {
        throw StartFailure("Cannot go on: \(error).")
    }
}

extension Node {
    fileprivate static func start(
        _ configuration: Configuration, _ signals: consuming SignalInbox, _ log: Logger
    ) throws(StartFailure) -> Node {
        let directory = try DataDirectory.open(configuration.data)
        let began = monotonicNanoseconds()
        // The port is taken before the log is read: whoever starts a node twice hears of it at once.
        let listener = try listen(configuration)
        var configuration = configuration
        if configuration.listen.port == 0 && configuration.advertise.place == configuration.listen {
            configuration.advertise = BaseURL(
                HostPort(host: configuration.listen.host, port: listener.address.port))
        }
        fitDescriptorLimit(&configuration, log)
        let found = try Found(configuration, in: directory, listener, log)
        let milliseconds = (monotonicNanoseconds() - began) / 1_000_000
        let recovered = found.recovered
        log.info(
            """
            recovered \(directory.path) in \(milliseconds) ms: log up to \(recovered.last), committed up to \
            \(recovered.commit), \(found.replay.store.count) keys, boot \(recovered.boot)
            """)
        let origin = Replica.Origin(
            boot: recovered.boot, cluster: recovered.cluster, hard: recovered.hardState,
            snapshot: found.snapshot, base: recovered.base, runs: recovered.runs, commit: recovered.commit,
            tail: recovered.tail, replay: found.replay, isDamaged: recovered.damage != nil,
            isWiped: recovered.isWiped)
        let journal = found.journal
        do throws(SystemError) {
            let ground = try Ground.make(on: directory)
            let replica = Replica(
                settings: replicaSettings(configuration), origin: origin, seed: .random(in: 0 ... .max))
            log.notice("listening at \(listener.address)")
            return Node(configuration, log, directory, journal, replica, listener, signals, ground)
        } catch {
            throw StartFailure("\(error).")
        }
    }

    /// The soft limit of descriptors is often far below the hard one. Where even that is too low, fewer
    /// connections are served: a log file that cannot be opened would be worse.
    private static func fitDescriptorLimit(_ configuration: inout Configuration, _ log: Logger) {
        let others = reservedConnections + 64
        let wanted = configuration.connectionsMax + others
        let limit = raiseOpenFilesLimit(to: wanted)
        if limit >= wanted { return }
        configuration.connectionsMax = max(1, limit - others)
        log.warning(
            """
            only \(limit) files may be open here: \(configuration.connectionsMax) connections are served at \
            a time; raise ulimit -n to \(wanted) for --max-connections
            """)
    }

    private static func listen(_ configuration: Configuration) throws(StartFailure) -> Listener {
        let place = configuration.listen
        guard let address = Resolver.lookUp(place).first else {
            throw StartFailure("--listen \(place): the name \(place.host) is not known.")
        }
        do throws(SystemError) {
            return try Listener(at: address)
        } catch {
            if error.isAddressInUse {
                throw StartFailure(
                    "Port \(place.port) is taken: another program listens at \(place). Give another --listen."
                )
            }
            throw StartFailure("\(error).")
        }
    }

    /// What the node stands on besides its state: threads, and the poller.
    private struct Ground: ~Copyable {
        let wake: Wake
        let arrivals: Mailbox<Arrival>
        let disk: DiskThread
        let reader: ReaderThread
        let worker: WorkerThread
        let compressor: PieceThread
        let backupThread: PieceThread
        let resolver: Resolver
        let poller: Poller
        let urgent: Poller

        static func make(on directory: DataDirectory) throws(SystemError) -> Ground {
            let wake = try Wake()
            let arrivals = Mailbox<Arrival>()
            let disk = DiskThread(wake: wake)
            try disk.start(on: directory)
            let reader = try ReaderThread(of: directory, answers: arrivals, wake: wake)
            let worker = try WorkerThread(
                on: directory, beside: disk, answers: arrivals, wake: wake)
            // Requests go before them, and before a backup most of all.
            let compressor = try PieceThread(
                named: "compressor", niceness: 5, answers: arrivals, wake: wake)
            let backupThread = try PieceThread(
                named: "backup", niceness: 10, courteousTo: disk, answers: arrivals, wake: wake)
            let resolver = Resolver { link, addresses in
                arrivals.put(.addresses(link: link, addresses))
                wake.ring()
            }
            return Ground(
                wake: wake, arrivals: arrivals, disk: disk, reader: reader, worker: worker,
                compressor: compressor, backupThread: backupThread, resolver: resolver,
                poller: try Poller(), urgent: try Poller())
        }
    }

    private init(
        _ configuration: Configuration, _ log: Logger, _ directory: DataDirectory,
        _ journal: consuming Journal,
        _ replica: consuming Replica, _ listener: consuming Listener, _ signals: consuming SignalInbox,
        _ ground: consuming Ground
    ) {
        self.configuration = configuration
        self.log = log
        self.directory = directory
        self.journal = journal
        self.replica = replica
        self.replica.stopwatch = { monotonicNanoseconds() }
        self.listener = listener
        self.signals = signals
        wake = ground.wake
        arrivals = ground.arrivals
        disk = ground.disk
        reader = ground.reader
        worker = ground.worker
        compressor = ground.compressor
        backupThread = ground.backupThread
        resolver = ground.resolver
        poller = ground.poller
        urgent = ground.urgent
        now = monotonicNanoseconds()
        startedAt = now
        startedAtSeconds = UInt64(max(0, wallClockSeconds()))
        context = Context(node: configuration.node.rawValue)
        usage = directory.usage()
        requestLimits = RequestLimits(
            valueBytesMax: configuration.valueBytesMax,
            // A value or a transaction grows by a third at most on its way to the peers.
            peerBytesMax: (2 << 20) + 2 * max(configuration.valueBytesMax, Request.transactionBytesMax),
            mayRedirect: configuration.mayRedirect)
        forwardedLimits = requestLimits
        requestLimits.places = configuration.acceptedPlaces
        for peer in configuration.peers {
            let url = peer.id == configuration.node ? configuration.advertise : peer.url
            peers.append(PeerTable.Row(id: peer.id, url: url))
            meters.roundTrips.append(Histogram())
            for way in Way.allCases {
                _ = links.insert(PeerLink(peer: peer.id, way: way, place: peer.url.place))
            }
        }
    }

    private static func replicaSettings(_ configuration: Configuration) -> Replica.Settings {
        var settings = Replica.Settings(
            node: configuration.node, peers: configuration.peers.map(\.id),
            url: Array(configuration.advertise.description.utf8))
        settings.heartbeat = configuration.heartbeat
        settings.electionTimeout = configuration.electionTimeout
        settings.snapshotBytes = configuration.snapshotBytes
        settings.snapshotEntries = UInt64(configuration.snapshotEntries)
        settings.store = configuration.store
        // So that a disk of 125 MB a second, from which it is read, goes on with its syncs.
        settings.pieceBytesPerSecond = 32 << 20
        return settings
    }
}
