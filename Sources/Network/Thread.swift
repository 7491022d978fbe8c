// Threads of our own, and the bounded queue that feeds one: pthread(7).
internal import CLinux
internal import Glibc

/// A started thread, to be joined once.
public struct Thread: ~Copyable, Sendable {
    private let id: pthread_t

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread. `name`: at most 15 bytes, for debuggers.
    public init(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        var id = pthread_t()
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let code = pthread_create(
            &id, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                linux_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        if code != 0 {
            start.release()
            throw SystemError("pthread_create \(name)", code: code)
        }
        self.id = id
    }

    /// Has the calling thread woken close to the moments that it waits for, rather than some 50 µs later.
    public static func wakePromptly() { linux_set_timer_slack(1) }

    /// Waits for the thread's end.
    public consuming func join() { pthread_join(id, nil) }
    /// Lets the thread end by itself.
    public consuming func detach() { pthread_detach(id) }
}

/// A queue from many threads to one that sleeps while it is empty.
public final class Mailbox<Element: Sendable>: @unchecked Sendable {
    // Every field is touched under `lock` alone.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let filled: UnsafeMutablePointer<pthread_cond_t>
    private var elements: [Element] = []
    private var isClosed = false
    private var isWaiting = false
    private let capacity: Int

    /// `capacity`: how many elements may wait; what comes beyond is refused.
    public init(capacity: Int = .max) {
        self.capacity = capacity
        lock = .allocate(capacity: 1)
        filled = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        // Deadlines are by the monotonic clock, like all others here.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(filled, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(lock)
        filled.deallocate()
        lock.deallocate()
    }

    /// Puts one in. False if it was refused: full, or closed.
    @discardableResult
    public func put(_ element: Element) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if isClosed || elements.count >= capacity { return false }
        elements.append(element)
        if isWaiting { pthread_cond_signal(filled) }
        return true
    }

    /// Puts several in with one wake-up, and empties `batch`, whose capacity is kept.
    public func put(all batch: inout [Element]) {
        if batch.isEmpty { return }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if elements.isEmpty { swap(&elements, &batch) } else { elements.append(contentsOf: batch) }
        batch.removeAll(keepingCapacity: true)
        if isWaiting { pthread_cond_signal(filled) }
    }

    /// Swaps all that waits with the empty `taken`; sleeps while there is nothing, until `deadline` at most.
    /// False: the mailbox is closed and empty.
    public func take(into taken: inout [Element], until deadline: UInt64? = nil) -> Bool {
        precondition(taken.isEmpty)
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while elements.isEmpty && !isClosed {
            isWaiting = true
            defer { isWaiting = false }
            guard let deadline else {
                pthread_cond_wait(filled, lock)
                continue
            }
            var time = timespec()
            time.tv_sec = Int(deadline / 1_000_000_000)
            time.tv_nsec = Int(deadline % 1_000_000_000)
            if pthread_cond_timedwait(filled, lock, &time) == ETIMEDOUT { break }
        }
        swap(&elements, &taken)
        return !(taken.isEmpty && isClosed)
    }

    /// Swaps what waits with the empty `taken`, without sleeping. False: the mailbox is closed and empty.
    @discardableResult
    public func takeNow(into taken: inout [Element]) -> Bool {
        precondition(taken.isEmpty)
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        swap(&elements, &taken)
        return !(taken.isEmpty && isClosed)
    }

    /// Refuses all that comes from now on; what waits is still taken.
    public func close() {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        isClosed = true
        pthread_cond_broadcast(filled)
    }
}
