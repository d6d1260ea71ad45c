/* SPDX-License-Identifier: MIT */
/*
 * In C++20: a typed queue of jobs for a pool of workers. A worker that fails, here by an exception, gives its job back by
 * dropping the delivery, and another try is made; the results are summed up in an array that all share.
 */
#include <ringq/ringq.hpp>

#include <cstdio>
#include <stdexcept>
#include <thread>
#include <vector>

struct job {
	int number;
	bool fails_at_first;
};

static void work_on(const job &job, unsigned attempt, ringq::array<int64_t> &sum)
{
	if (job.fails_at_first && attempt == 1)
		throw std::runtime_error("not today");
	sum.add(0, job.number);
}

static void work(ringq::typed_queue<job> &jobs, ringq::array<int64_t> &sum)
{
	while (auto taken = jobs.take()) { /* until the queue is closed, nothing waits, and nobody has a job in hand */
		try {
			work_on(taken->value<job>(), taken->attempt(), sum);
			taken->ack();
		} catch (const std::runtime_error &) {
			/* The delivery ends here without an ack: the job comes back. */
		}
	}
}

int main()
{
	try {
		auto jobs = ringq::typed_queue<job>::create({.flags = RINGQ_ACKNOWLEDGED});
		auto sum = ringq::array<int64_t>::create(1);
		std::vector<std::jthread> workers;
		for (int i = 0; i < 3; i++)
			workers.emplace_back([&] { work(jobs, sum); });
		for (int i = 1; i <= 100; i++)
			jobs.put({i, i % 10 == 0});
		jobs.records().close();
		workers.clear(); /* joins them */
		std::printf("%lld, %llu of them in two goes\n", static_cast<long long>(sum.load(0)),
			static_cast<unsigned long long>(jobs.records().stat().redelivered));
		return sum.load(0) == 5050 && jobs.records().stat().redelivered == 10 ? 0 : 1;
	} catch (const std::system_error &error) {
		std::fprintf(stderr, "%s\n", error.what());
		return 1;
	}
}
