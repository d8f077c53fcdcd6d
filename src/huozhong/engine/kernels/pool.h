// A pool of threads for parallel loops that take microseconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace huozhong {

// Items are claimed one by one, by the caller too, and the caller waits only for items that somebody has claimed: a
// worker that is late, asleep or gone (after a fork) delays nothing.  Between loops a worker spins for some tens of
// microseconds and then sleeps.
class Pool {
  public:
    // Lives as long as the process: workers may still sleep in it when the process ends.
    static Pool& get();

    // Calls f(item, thread) for item in [0, items) on at most `threads` threads; thread is in [0, threads).
    template <class F> void run(int32_t threads, int32_t items, F&& f) {
        if (threads <= 1 || items <= 1) {
            for (int32_t i = 0; i < items; ++i) f(i, 0);
            return;
        }
        run_job(threads, items, [](void* f, int32_t item, int32_t thread) { (*static_cast<F*>(f))(item, thread); }, &f);
    }

  private:
    using Function = void (*)(void*, int32_t, int32_t);
    Pool() = default;
    void run_job(int32_t threads, int32_t items, Function function, void* context);
    void work(int32_t thread);
    int32_t claim_all(int32_t thread);
    void wait_for_job(uint32_t seen);

    std::mutex callers_;  // one loop at a time
    std::atomic<uint64_t> ticket_{CLOSED};  // generation << 32 | next item
    std::atomic<int32_t> items_{0}, threads_{0}, remaining_{0};
    std::atomic<Function> function_{nullptr};
    std::atomic<void*> context_{nullptr};
    int32_t workers_ = 0;

    std::mutex sleep_;
    std::condition_variable wake_;
    std::atomic<bool> sleeping_{false};  // somebody may be asleep since the last call to wake

    static constexpr uint64_t CLOSED = 0xffffffffu;
};

}  // namespace huozhong
