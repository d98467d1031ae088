// Boost.Interprocess: its message queue between two processes, and its mutex. A part of `cargo run --features peers`, which compiles
// it and says what it is to do: src/peers/outside.rs.
//
//   boost_mq WORK OUR_CPU PARTNER_CPU
//
// For each line with a number it does so many of the work, checks what came, and answers with the nanoseconds that took.

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

// As in breezeway's own benches: a queue for few there and back, for 1024 one way, and for what 2 MiB hold in bulk.
constexpr std::size_t few = 64, capacity = 1024, bulks = 31, bulk = 64 << 10;
// Attempts in a row before the first that gives the CPU away.
constexpr int eager_attempts = 100;

[[noreturn]] static void fail(const char *what) {
    std::fprintf(stderr, "boost_mq: %s\n", what);
    _exit(1);
}

static void pin(const char *cpu) {
    if (*cpu == '\0') return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(std::atoi(cpu), &set);
    // Where it may not run there, it stays where it may.
    sched_setaffinity(0, sizeof set, &set);
}

template <class Attempt> static void persist(Attempt attempt) {
    for (int attempts = 0; !attempt(); ++attempts) {
        if (attempts < eager_attempts) __builtin_ia32_pause();
        else sched_yield();
    }
}

// A queue that both processes have mapped before they part, and whose name is gone by then.
static std::unique_ptr<ipc::message_queue> make_queue(std::size_t messages, std::size_t bytes) {
    static int count = 0;
    const std::string name = "breezeway-compare-" + std::to_string(getpid()) + "-boost-" + std::to_string(count++);
    auto queue = std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(), messages, bytes);
    ipc::message_queue::remove(name.c_str());
    return queue;
}

// A message that carries a number: short ones in each word, long ones where they begin and end.
struct Message {
    std::vector<std::uint64_t> words;

    explicit Message(std::size_t bytes) : words(bytes / sizeof(std::uint64_t)) {}

    void stamp(std::uint64_t number) {
        if (words.size() <= 8) std::fill(words.begin(), words.end(), number);
        else words.front() = words.back() = number;
    }

    void check(std::uint64_t number) const {
        const bool is_right = words.size() <= 8
            ? std::all_of(words.begin(), words.end(), [=](std::uint64_t word) { return word == number; })
            : words.front() == number && words.back() == number;
        if (!is_right) fail("another message than was sent");
    }

    std::size_t bytes() const { return words.size() * sizeof(std::uint64_t); }
};

static void send(ipc::message_queue &queue, const Message &message, bool is_tried) {
    const auto *start = message.words.data();
    if (is_tried) persist([&] { return queue.try_send(start, message.bytes(), 0); });
    else queue.send(start, message.bytes(), 0);
}

static void receive(ipc::message_queue &queue, Message &message, bool is_tried) {
    ipc::message_queue::size_type received = 0;
    unsigned priority = 0;
    auto *start = message.words.data();
    if (is_tried) persist([&] { return queue.try_receive(start, message.bytes(), received, priority); });
    else queue.receive(start, message.bytes(), received, priority);
    if (received != message.bytes()) fail("a message of another length");
}

// What the two tell each other about batches.
struct Desk {
    ipc::interprocess_semaphore asked{0}, begun{0}, done{0};
    std::uint64_t times = 0;
    Clock::rep end = 0;
};

// Does so many, and says how long that took.
using Batch = std::function<Clock::duration(std::uint64_t)>;

static Desk &make_desk() {
    // Mapped for as long as either process lives.
    static ipc::mapped_region region = ipc::anonymous_shared_memory(sizeof(Desk));
    return *new (region.get_address()) Desk;
}

// Forks; the child does its part of each batch, and dies with its parent.
static void fork_partner(Desk &desk, const char *cpu, const std::function<void(std::uint64_t)> &part) {
    const pid_t parent = getpid(), child = fork();
    if (child < 0) fail("no process left");
    if (child > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    pin(cpu);
    for (;;) {
        desk.asked.wait();
        desk.begun.post();
        part(desk.times);
        desk.end = Clock::now().time_since_epoch().count();
        desk.done.post();
    }
}

static void begin(Desk &desk, std::uint64_t times) {
    desk.times = times;
    desk.asked.post();
    desk.begun.wait();
}

static Batch round_trip(std::size_t bytes, bool is_tried, const char *cpu) {
    auto there = std::shared_ptr(make_queue(few, bytes)), back = std::shared_ptr(make_queue(few, bytes));
    Desk &desk = make_desk();
    fork_partner(desk, cpu, [=](std::uint64_t times) {
        Message message(bytes);
        for (std::uint64_t n = 0; n <= times; ++n) {
            receive(*there, message, is_tried);
            message.check(n);
            message.stamp(n + 1);
            send(*back, message, is_tried);
        }
    });
    return [=, &desk](std::uint64_t times) {
        begin(desk, times);
        Message message(bytes);
        Clock::time_point start;
        // The first only tells that the partner is there.
        for (std::uint64_t n = 0; n <= times; ++n) {
            message.stamp(n);
            send(*there, message, is_tried);
            receive(*back, message, is_tried);
            message.check(n + 1);
            if (n == 0) start = Clock::now();
        }
        const auto elapsed = Clock::now() - start;
        desk.done.wait();
        return elapsed;
    };
}

static Batch stream(std::size_t bytes, bool is_tried, const char *cpu) {
    auto queue = std::shared_ptr(make_queue(bytes < bulk ? capacity : bulks, bytes));
    Desk &desk = make_desk();
    fork_partner(desk, cpu, [=](std::uint64_t times) {
        Message message(bytes);
        for (std::uint64_t n = 0; n < times; ++n) {
            receive(*queue, message, is_tried);
            message.check(n);
        }
    });
    return [=, &desk](std::uint64_t times) {
        begin(desk, times);
        Message message(bytes);
        const auto start = Clock::now();
        for (std::uint64_t n = 0; n < times; ++n) {
            message.stamp(n);
            send(*queue, message, is_tried);
        }
        desk.done.wait();
        return Clock::duration(desk.end) - start.time_since_epoch();
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
    if (argc != 4) fail("boost_mq WORK OUR_CPU PARTNER_CPU");
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
