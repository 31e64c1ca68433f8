// Threads that wait for work between updates.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace rbp {

class Team {
  public:
    explicit Team(int size) : size(size) {
        for (int k = 1; k < size; k++) threads.emplace_back([this, k] { serve(k); });
    }

    ~Team() {
        {
            std::lock_guard<std::mutex> guard(lock);
            over = true;
        }
        begun.notify_all();
        for (auto &thread : threads) thread.join();
    }

    // act(k) of every k < size at the same time; k = 0 by the caller. Ends when all have.
    template <class Act> void run(Act &&act) {
        if (threads.empty()) return act(0);
        {
            std::lock_guard<std::mutex> guard(lock);
            job = [](void *what, int k) {
                (*static_cast<std::remove_reference_t<Act> *>(what))(k);
            };
            of = &act;
            left = int(threads.size());
            round++;
        }
        begun.notify_all();
        act(0);
        std::unique_lock<std::mutex> guard(lock);
        ended.wait(guard, [this] { return left == 0; });
    }

    const int size;

  private:
    void serve(int k) {
        std::unique_lock<std::mutex> guard(lock);
        for (uint64_t seen = 0;;) {
            begun.wait(guard, [&] { return over || round != seen; });
            if (over) return;
            seen = round;
            guard.unlock();
            job(of, k);
            guard.lock();
            if (--left == 0) ended.notify_one();
        }
    }

    std::vector<std::thread> threads;
    std::mutex lock;
    std::condition_variable begun, ended;
    void (*job)(void *, int) = nullptr;
    void *of = nullptr;
    uint64_t round = 0;
    int left = 0;
    bool over = false;
};

}  // namespace rbp
