// Boost.Interprocess: its message queue between two processes, and its mutex. It is compiled and run by
// `cargo run --features peers`; see src/peers/external.rs.
//
//   boost_mq WORK OUR_CPU PEER_CPU
//
// For each line with a number it does the work that many times, checks what arrives, and prints the
// nanoseconds it took.

#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace ipc = boost::interprocess;
using Clock = std::chrono::steady_clock;

// Capacities as in breezeway-bench: for round trips, for streams, and for the messages that fit into 2 MiB.
constexpr std::size_t few = 64, capacity = 1024, bulks = 31, bulk = 64 << 10;
// Attempts in a row before the first that gives the CPU away.
constexpr int spin_attempts = 100;

[[noreturn]] static void fail(const char *what) {
    std::fprintf(stderr, "boost_mq: %s\n", what);
    _exit(1);
}

static void pin(const char *cpu) {
    if (*cpu == '\0') return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(std::atoi(cpu), &set);
    // If the kernel refuses, the process stays where it may run.
    sched_setaffinity(0, sizeof set, &set);
}

template <class Attempt> static void poll_until(Attempt attempt) {
    for (int attempts = 0; !attempt(); ++attempts) {
        if (attempts < spin_attempts) __builtin_ia32_pause();
        else sched_yield();
    }
}

// A queue that both processes map before the fork; its name is removed at once.
static std::unique_ptr<ipc::message_queue> make_queue(std::size_t messages, std::size_t bytes) {
    static int count = 0;
    const std::string name = "breezeway-compare-" + std::to_string(getpid()) + "-boost-" + std::to_string(count++);
    auto queue = std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(), messages, bytes);
    ipc::message_queue::remove(name.c_str());
    return queue;
}

// A message that carries a number: a short one in each word, a long one at its beginning and end.
struct Message {
    std::vector<std::uint64_t> words;

    explicit Message(std::size_t bytes) : words(bytes / sizeof(std::uint64_t)) {}

    void set_number(std::uint64_t number) {
        if (words.size() <= 8) std::fill(words.begin(), words.end(), number);
        else words.front() = words.back() = number;
    }

    void check(std::uint64_t number) const {
        const bool has_number = words.size() <= 8
            ? std::all_of(words.begin(), words.end(), [=](std::uint64_t word) { return word == number; })
            : words.front() == number && words.back() == number;
        if (!has_number) fail("a message that was not sent");
    }

    std::size_t bytes() const { return words.size() * sizeof(std::uint64_t); }
};

static void send(ipc::message_queue &queue, const Message &message, bool is_polled) {
    const auto *start = message.words.data();
    if (is_polled) poll_until([&] { return queue.try_send(start, message.bytes(), 0); });
    else queue.send(start, message.bytes(), 0);
}

static void receive(ipc::message_queue &queue, Message &message, bool is_polled) {
    ipc::message_queue::size_type received = 0;
    unsigned priority = 0;
    auto *start = message.words.data();
    if (is_polled) poll_until([&] { return queue.try_receive(start, message.bytes(), received, priority); });
    else queue.receive(start, message.bytes(), received, priority);
    if (received != message.bytes()) fail("a message of the wrong length");
}

// What the two processes exchange about batches.
struct Mailbox {
    ipc::interprocess_semaphore requested{0}, begun{0}, done{0};
    std::uint64_t times = 0;
    Clock::rep end = 0;
};

// Does the work this many times and returns how long that took.
using Batch = std::function<Clock::duration(std::uint64_t)>;

static Mailbox &make_mailbox() {
    // Mapped until both processes end.
    static ipc::mapped_region region = ipc::anonymous_shared_memory(sizeof(Mailbox));
    return *new (region.get_address()) Mailbox;
}

// Forks a peer that does its part of each batch, and dies with its parent.
static void fork_peer(Mailbox &mailbox, const char *cpu, const std::function<void(std::uint64_t)> &part) {
    const pid_t parent = getpid(), child = fork();
    if (child < 0) fail("the kernel cannot fork");
    if (child > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    pin(cpu);
    for (;;) {
        mailbox.requested.wait();
        mailbox.begun.post();
        part(mailbox.times);
        mailbox.end = Clock::now().time_since_epoch().count();
        mailbox.done.post();
    }
}

static void begin(Mailbox &mailbox, std::uint64_t times) {
    mailbox.times = times;
    mailbox.requested.post();
    mailbox.begun.wait();
}

static Batch round_trip(std::size_t bytes, bool is_polled, const char *cpu) {
    auto there = std::shared_ptr(make_queue(few, bytes)), back = std::shared_ptr(make_queue(few, bytes));
    Mailbox &mailbox = make_mailbox();
    fork_peer(mailbox, cpu, [=](std::uint64_t times) {
        Message message(bytes);
        for (std::uint64_t n = 0; n <= times; ++n) {
            receive(*there, message, is_polled);
            message.check(n);
            message.set_number(n + 1);
            send(*back, message, is_polled);
        }
    });
    return [=, &mailbox](std::uint64_t times) {
        begin(mailbox, times);
        Message message(bytes);
        Clock::time_point start;
        // The first round trip makes sure that the peer is ready, and does not count.
        for (std::uint64_t n = 0; n <= times; ++n) {
            message.set_number(n);
            send(*there, message, is_polled);
            receive(*back, message, is_polled);
            message.check(n + 1);
            if (n == 0) start = Clock::now();
        }
        const auto elapsed = Clock::now() - start;
        mailbox.done.wait();
        return elapsed;
    };
}

static Batch stream(std::size_t bytes, bool is_polled, const char *cpu) {
    auto queue = std::shared_ptr(make_queue(bytes < bulk ? capacity : bulks, bytes));
    Mailbox &mailbox = make_mailbox();
    fork_peer(mailbox, cpu, [=](std::uint64_t times) {
        Message message(bytes);
        for (std::uint64_t n = 0; n < times; ++n) {
            receive(*queue, message, is_polled);
            message.check(n);
        }
    });
    return [=, &mailbox](std::uint64_t times) {
        begin(mailbox, times);
        Message message(bytes);
        const auto start = Clock::now();
        for (std::uint64_t n = 0; n < times; ++n) {
            message.set_number(n);
            send(*queue, message, is_polled);
        }
        mailbox.done.wait();
        return Clock::duration(mailbox.end) - start.time_since_epoch();
    };
}

static Batch mutex() {
    static ipc::mapped_region region = ipc::anonymous_shared_memory(sizeof(ipc::interprocess_mutex));
    auto *mutex = new (region.get_address()) ipc::interprocess_mutex;
    return [=](std::uint64_t times) {
        const auto start = Clock::now();
        for (std::uint64_t n = 0; n < times; ++n) {
            mutex->lock();
            std::atomic_signal_fence(std::memory_order_seq_cst);
            mutex->unlock();
        }
        return Clock::now() - start;
    };
}

static Batch make(const std::string &work, const char *cpu) {
    if (work == "round-trip-64") return round_trip(64, false, cpu);
    if (work == "round-trip-64-tried") return round_trip(64, true, cpu);
    if (work == "stream-8") return stream(8, false, cpu);
    if (work == "stream-8-tried") return stream(8, true, cpu);
    if (work == "stream-64") return stream(64, false, cpu);
    if (work == "stream-64-tried") return stream(64, true, cpu);
    if (work == "stream-65536") return stream(bulk, false, cpu);
    if (work == "mutex") return mutex();
    fail("no such work");
}

int main(int argc, char **argv) try {
    if (argc != 4) fail("boost_mq WORK OUR_CPU PEER_CPU");
    const Batch batch = make(argv[1], argv[3]);
    pin(argv[2]);
    char line[32];
    while (std::fgets(line, sizeof line, stdin)) {
        const auto elapsed = batch(std::strtoull(line, nullptr, 10));
        std::printf("%lld\n", static_cast<long long>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count()));
        std::fflush(stdout);
    }
} catch (const std::exception &error) {
    fail(error.what());
}
