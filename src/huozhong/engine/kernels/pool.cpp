#include "pool.h"

#include <chrono>
#include <system_error>
#include <thread>

namespace huozhong {
namespace {

constexpr auto SPIN = std::chrono::microseconds(40);

inline void cpu_relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins until done() or for SPIN; says whether it is done.
template <class F> bool spin_until(F done) {
    const auto deadline = std::chrono::steady_clock::now() + SPIN;
    do {
        for (int i = 0; i < 64; ++i) {
            if (done()) return true;
            cpu_relax();
        }
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
}

inline uint32_t generation(uint64_t ticket) { return uint32_t(ticket >> 32); }

}  // namespace

Pool& Pool::get() {
    static Pool* pool = new Pool;
    return *pool;
}

void Pool::run_job(int32_t threads, int32_t items, Function function, void* context) {
    std::lock_guard<std::mutex> only(callers_);
    while (workers_ < threads - 1) {
        try {
            std::thread(&Pool::work, this, workers_ + 1).detach();
        } catch (const std::system_error&) {
            break;  // the system gives no more threads: those there are do the work
        }
        ++workers_;
    }
    // The ticket is closed here, so nobody claims while the job is written.
    items_.store(items, std::memory_order_release);
    threads_.store(threads, std::memory_order_release);
    function_.store(function, std::memory_order_release);
    context_.store(context, std::memory_order_release);
    remaining_.store(items, std::memory_order_release);
    const uint64_t next = uint64_t(generation(ticket_.load()) + 1) << 32;
    ticket_.store(next);
    if (sleeping_.load() && sleeping_.exchange(false)) {
        std::lock_guard<std::mutex> lock(sleep_);
        wake_.notify_all();
    }
    remaining_.fetch_sub(claim_all(0), std::memory_order_acq_rel);
    const auto done = [this] { return remaining_.load(std::memory_order_acquire) == 0; };
    while (!spin_until(done)) std::this_thread::yield();  // a worker with a claimed item was put aside
    ticket_.store(next | CLOSED);
}

// Claims and runs items until none is left; returns how many.
int32_t Pool::claim_all(int32_t thread) {
    int32_t claimed = 0;
    uint64_t ticket = ticket_.load();
    while (true) {
        const uint32_t item = uint32_t(ticket);
        const Function function = function_.load(std::memory_order_acquire);
        void* context = context_.load(std::memory_order_acquire);
        if (item >= uint32_t(items_.load(std::memory_order_acquire))) return claimed;
        if (thread >= threads_.load(std::memory_order_acquire)) return claimed;
        // Success means that the job has not changed since the ticket was read.
        if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
        function(context, int32_t(item), thread);
        ++claimed;
        ticket = ticket_.load();
    }
}

void Pool::work(int32_t thread) {
    uint32_t seen = 0;
    while (true) {
        wait_for_job(seen);
        seen = generation(ticket_.load());
        if (const int32_t claimed = claim_all(thread)) remaining_.fetch_sub(claimed, std::memory_order_acq_rel);
    }
}

void Pool::wait_for_job(uint32_t seen) {
    const auto arrived = [&] { return generation(ticket_.load()) != seen; };
    if (spin_until(arrived)) return;
    std::unique_lock<std::mutex> lock(sleep_);
    while (true) {
        sleeping_.store(true);  // before looking once more: a caller that comes now sees it, or is seen
        if (arrived()) return;
        wake_.wait(lock);
    }
}

}  // namespace huozhong
