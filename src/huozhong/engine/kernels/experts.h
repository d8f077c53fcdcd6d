// Experts of a model that is larger than memory: they stay in its packed file, and as many as a budget allows lie in
// memory.
//
// Which ones: those used most and last (LRFU, Lee et al. 2001: uses count, half as much after some passes).  A layer
// says which it wants; what is not there is read by several threads while the others are computed, in the order in
// which they arrive, and what the next layer's router would choose now is read ahead while this layer's experts and the
// next attention run.  The file is read and never mapped, past the page cache where the system lets us: a disk that
// fails is an error of the request, not the end of the process, and what is kept is ours.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "model.h"

namespace huozhong {

struct ReadError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Counters since the start.
struct ShelfStats {
    int64_t hits = 0;    // wanted, and there
    int64_t misses = 0;  // wanted, and not there (or still being read)
    int64_t ahead = 0;   // wanted, and guessed before: there, or on its way
    int64_t reads = 0, bytes = 0;
    int64_t guesses = 0;  // chosen ahead, and begun (or wanted) before that was out of date
    double waited = 0;    // seconds that layers stood still
    double busy = 0;      // seconds that something was being read
    double reading = 0;   // the same for each read, added up: over `busy` it is how many at a time
};

class ExpertShelf {
  public:
    // base: where `path` is mapped, so that an array's address says where in the file it lies; it is never looked at.
    // bytes: memory for experts.  readers: threads.  ReadError where the file cannot be opened.
    ExpertShelf(const std::string& path, const uint8_t* base, int64_t file_bytes, int64_t bytes, int32_t readers);
    ~ExpertShelf();
    ExpertShelf(const ExpertShelf&) = delete;

    int32_t add(const DenseWeights& stacks);  // a layer's experts -> its number; before the first `want`
    void open();  // all layers are there: take the memory.  ReadError where it is too little for a token's experts.

    // The order in which to compute: those that are there first.
    void sort(int32_t layer, std::vector<int32_t>& experts);
    int32_t room() const { return int32_t(slots_.size()) / 2; }  // how many one thread may hold at a time

    // An expert is held from `want` to `release`: until then it stays where it is.  For two threads at most: more of them
    // could hold all there is and each wait for another's.
    void want(int32_t layer, int32_t expert);
    // Waits until one of these, which are held, is there: the places in the list of those that are, `most` at most.
    // ReadError if one could not be read.
    std::vector<size_t> arrived(int32_t layer, const std::vector<int32_t>& experts, size_t most);
    const DenseWeights& get(int32_t layer, int32_t expert);  // one that has arrived
    void release(int32_t layer, int32_t expert);
    // Somebody may want these soon.  What was guessed before and not begun is out of date.
    void guess(int32_t layer, const std::vector<int32_t>& experts);

    ShelfStats stats();
    bool direct() const { return direct_; }
    int64_t expert_bytes() const { return slot_bytes_; }
    int64_t number() const { return int64_t(slots_.size()); }

  private:
    enum class State { empty, queued, reading, ready, failed };
    struct Part {
        int64_t offset, bytes;  // in the file, of expert 0; the next expert's follows
    };
    struct Place {
        int64_t first, bytes;  // in the file, from the beginning of a page
        int64_t skipped;       // of those, what comes before the part
        int64_t offset;        // in the slot's memory
    };
    struct Layer {
        DenseWeights stacks;
        std::vector<Part> parts;  // data and scales, gate and up before down
        std::vector<int32_t> slot;  // of each expert, or -1
        int64_t passes = 0;
        std::vector<double> uses;   // of each expert, as they counted at its last
        std::vector<int64_t> last;  // pass
    };
    struct Slot {
        State state = State::empty;
        bool guessed = false;
        int32_t layer = -1, expert = -1, held = 0;
        size_t begun = 0, done = 0;  // of its parts: readers share an expert, so that few of them keep the disk busy
        double priority = 0;
        uint8_t* memory = nullptr;
        DenseWeights weights;
        std::string problem;
    };

    Part part_of(const void* array, int64_t bytes) const;
    int64_t needs(const Layer& layer) const;
    int32_t free_slot(bool may_wait, std::unique_lock<std::mutex>& lock);
    void begin(int32_t slot, int32_t layer, int32_t expert, bool guessed);
    void touch(Slot& slot, bool used);
    void read_all();
    void drop_guesses();
    void leave_queue(int32_t slot);
    void finish(int32_t slot, const std::string& problem);
    void count_time(int32_t change);
    Place place_of(const Layer& layer, int32_t expert, size_t part) const;
    std::string read(const Place& place, uint8_t* memory) const;
    DenseWeights placed(const Layer& layer, int32_t expert, const uint8_t* memory) const;

    std::string path_;
    const uint8_t* base_;
    int64_t file_bytes_, budget_, slot_bytes_ = 0;
    int32_t readers_;
    int file_ = -1;
    bool direct_ = false, closing_ = false;
    uint8_t* memory_ = nullptr;
    std::vector<Layer> layers_;
    std::vector<Slot> slots_;
    std::deque<int32_t> wanted_, guessed_;  // slots to be read
    std::vector<std::thread> threads_;
    std::mutex lock_;
    std::condition_variable work_, done_;
    int32_t active_ = 0;  // reads under way
    std::chrono::steady_clock::time_point counted_{};  // until when their time is in the counters
    ShelfStats stats_;
};

}  // namespace huozhong
