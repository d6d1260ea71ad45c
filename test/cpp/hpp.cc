/* SPDX-License-Identifier: MIT */
/* The C++ header: handles that release themselves, errors as exceptions and without, the end of a queue. */
#include <ringq/ringq.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

static void fail(int line, const char *what)
{
	std::fprintf(stderr, "hpp.cc:%d: failed: %s\n", line, what);
	std::exit(1);
}

template <class F>
static std::errc error_of(F call)
{
	try {
		call();
	} catch (const std::system_error &e) {
		CHECK(e.code().category() == std::generic_category());
		return static_cast<std::errc>(e.code().value());
	}
	return {};
}

static void durations_become_nanoseconds()
{
	namespace d = ringq::detail;
	static_assert(d::ns(ringq::forever) == RINGQ_FOREVER);
	static_assert(d::ns(ringq::nowait) == RINGQ_NOWAIT);
	static_assert(d::ns(1500us) == 1500000);
	static_assert(d::ns(std::chrono::duration<double>(0.5)) == 500000000);
	static_assert(d::ns(-5s) == 0);
	static_assert(d::ns(std::chrono::hours(24 * 365 * 1000)) == INT64_MAX);
}

static void records_of_any_length()
{
	auto q = ringq::queue::create();
	std::byte buffer[64];

	CHECK(q.empty() && q.size() == 0 && !q.full());
	q.put("hello");
	q.put(std::string(100000, 'x'), 1s);
	CHECK(q.size() == 2);
	CHECK(q.try_peek(buffer).size == 5);
	auto got = q.get(buffer);
	CHECK(got && got->size() == 5 && std::memcmp(got->data(), "hello", 5) == 0);
	CHECK(error_of([&] { (void)q.get(buffer); }) == std::errc::message_size);
	CHECK(q.get_record()->size() == 100000);
	CHECK(q.try_get(buffer).error == std::errc::resource_unavailable_try_again);
	CHECK(error_of([&] { (void)q.get(buffer, 1ms); }) == std::errc::timed_out);
	CHECK(q.empty());
}

static void a_reservation_is_put_or_dropped()
{
	auto q = ringq::queue::create();
	{
		ringq::reservation r(q, 10);
		std::memcpy(r.bytes().data(), "0123456789", 10);
		r.commit(4);
	}
	CHECK(q.get_record()->text() == "0123");
	{
		ringq::reservation r(q, 10);
	}
	CHECK(q.empty());
}

static void what_may_fail_tells_without_an_exception()
{
	auto q = ringq::queue::create({.max_records = 2});
	std::byte buffer[8];
	char bytes[2][4];
	iovec in[] = {{bytes[0], 4}, {bytes[1], 4}, {bytes[1], 4}};
	std::optional<ringq::record> record;
	std::errc error;

	static_assert(noexcept(q.try_get_record(record)) && noexcept(q.try_put_many(in)) && noexcept(q.try_get_many(in)));
	CHECK(q.try_get_record(record) == std::errc::resource_unavailable_try_again && !record);
	CHECK(q.try_get_many(in).error == std::errc::resource_unavailable_try_again);
	auto put = q.try_put_many(in);
	CHECK(put && put.size == 2);
	CHECK(q.try_put_many(in).error == std::errc::resource_unavailable_try_again);
	{
		ringq::reservation full(q, 4, error);
		CHECK(!full && full.bytes().empty() && error == std::errc::resource_unavailable_try_again);
	}
	CHECK(q.try_get_record(record) == std::errc{} && record->size() == 4);
	{
		ringq::reservation open(q, 4, error);
		CHECK(open && error == std::errc{});
		CHECK(open.try_commit(5) == std::errc::invalid_argument && open);
		CHECK(q.try_put("x") == std::errc::device_or_resource_busy);
	}
	CHECK(q.try_put("x") == std::errc{}); /* it was dropped */
	auto got = q.try_get_many(in);
	CHECK(got && got.size == 2 && in[0].iov_len == 4 && in[1].iov_len == 1);

	auto [here, there] = ringq::pipe_end::create();
	static_assert(noexcept(here.try_send("a")) && noexcept(here.try_receive(buffer)));
	CHECK(here.try_receive(buffer).error == std::errc::resource_unavailable_try_again && !here.poll());
	CHECK(there.try_send("abc") == std::errc{} && here.poll() && here.try_receive(buffer).size == 3);
	there.close();
	CHECK(here.try_send("abc") == std::errc::broken_pipe && here.poll());

	auto numbers = ringq::typed_queue<int>::create({.max_records = 3});
	const int some[] = {1, 2, 3, 4};
	int out[4];
	CHECK(numbers.try_put_many(some).size == 3);
	CHECK(numbers.try_put_many(some).error == std::errc::resource_unavailable_try_again);
	CHECK(numbers.try_get_many(out).size == 3 && out[2] == 3);
	numbers.records().put("abc");
	CHECK(numbers.try_get_many(out).error == std::errc::bad_message);
	numbers.records().close();
	CHECK(numbers.try_get_many(out).error == std::errc::broken_pipe);
}

static void the_end_is_no_error()
{
	auto q = ringq::typed_queue<int>::create({.max_records = 2});
	int value = 0, sum = 0;

	q.put(1);
	q.put(2);
	CHECK(q.try_put(3) == std::errc::resource_unavailable_try_again);
	std::thread consumer([&] {
		while (q.get(value))
			sum += value;
	});
	q.put(3);
	q.records().close();
	consumer.join();
	CHECK(sum == 6);
	CHECK(error_of([&] { q.put(4); }) == std::errc::broken_pipe);
	CHECK(q.try_get(value) == std::errc::broken_pipe);
	q.records().remove();
	CHECK(error_of([&] { q.records().remove(); }) == std::errc::broken_pipe);
}

static void a_value_of_another_size_is_told()
{
	auto region = ringq::region::create({.size = 1 << 20});
	auto bytes = ringq::queue::create(region, {.name = "values"});
	auto numbers = ringq::typed_queue<int64_t>::open(region, "values");
	int64_t value;

	bytes.put("abc");
	CHECK(error_of([&] { (void)numbers.get(value); }) == std::errc::bad_message);
	CHECK(error_of([&] { (void)ringq::queue::open(region, "none"); }) == std::errc::no_such_file_or_directory);
	CHECK(error_of([&] { (void)ringq::queue::create(region, {.name = "values"}); }) == std::errc::file_exists);
}

static ringq::queue acknowledged(unsigned max_attempts = 0)
{
	return ringq::queue::create({.flags = RINGQ_ACKNOWLEDGED, .max_attempts = max_attempts});
}

static void a_delivery_that_is_dropped_comes_back()
{
	auto q = acknowledged();

	q.put("job");
	try {
		auto job = q.take();
		CHECK(job && job->text() == "job" && job->attempt() == 1);
		throw 1;
	} catch (int) {
	}
	{
		auto job = q.take(0s);
		CHECK(job && job->attempt() == 2);
		job->requeue();
		CHECK(!*job);
		job = q.take(0s);
		CHECK(job->attempt() == 3);
		/* What is taken in its place gives it back. */
		q.put("other");
		CHECK(q.try_take(*job) == std::errc{} && job->text() == "job" && job->attempt() == 4);
	}
	auto job = q.take(0s);
	CHECK(job->attempt() == 5);
	CHECK(q.try_join() == std::errc::resource_unavailable_try_again);
	job->ack();
	CHECK(error_of([&] { job->ack(); }) == std::errc::invalid_argument);
	q.take(0s)->ack();
	q.join();
	ringq::delivery none;
	CHECK(q.try_take(none) == std::errc::resource_unavailable_try_again && !none);
	CHECK(error_of([&] { (void)q.take(1ms); }) == std::errc::timed_out);
	q.close();
	CHECK(!q.take());
}

static void a_delivery_moves_and_is_finished_once()
{
	auto q = acknowledged();
	ringq::delivery kept;
	const int64_t seven = 7;

	q.put(std::as_bytes(std::span(&seven, 1)));
	{
		auto job = q.take();
		kept = std::move(*job);
		CHECK(!*job && kept);
	}
	CHECK(q.empty());
	CHECK(kept.value<int64_t>() == 7);
	CHECK(error_of([&] { (void)kept.value<int>(); }) == std::errc::bad_message);
	ringq::delivery again(std::move(kept));
	CHECK(again.try_ack() == std::errc{});
	CHECK(q.try_join() == std::errc{});
	CHECK(q.stat().redelivered == 0);
}

static void a_delivery_of_the_last_attempt_is_set_aside()
{
	auto region = ringq::region::create({.size = 1 << 20});
	auto dead = ringq::queue::create(region, {.name = "dead"});
	auto q = ringq::queue::create(region, {.flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"});

	q.put("poison");
	{
		auto job = q.take();
	}
	CHECK(error_of([&] { (void)q.take(0s); }) == std::errc::resource_unavailable_try_again);
	auto letter = dead.get_record(0s);
	CHECK(letter && letter->text().ends_with("poison"));
}

static void deliveries_by_the_batch()
{
	auto q = acknowledged();
	std::vector<ringq::delivery> jobs(50);

	CHECK(q.try_take_many(jobs).error == std::errc::resource_unavailable_try_again);
	for (int i = 0; i < 70; i++)
		q.put(std::to_string(i));
	CHECK(q.take_many(jobs) == 50);
	for (int i = 0; i < 50; i++)
		CHECK(jobs[i].text() == std::to_string(i) && jobs[i].attempt() == 1);
	CHECK(jobs[1].id().first == jobs[0].id().first && jobs[1].id().second == jobs[0].id().second + 1);
	for (int i = 0; i < 49; i++)
		jobs[i].ack();
	CHECK(jobs[49].try_requeue() == std::errc{} && !jobs[49]);
	/* The last comes back first, and those that are in hand then are given back by the next batch. */
	CHECK(q.take_many(jobs) == 21 && jobs[0].text() == "49" && jobs[0].attempt() == 2 && !jobs[21]);
	CHECK(q.try_take_many(jobs).size == 21 && jobs[0].attempt() == 3 && jobs[20].attempt() == 2);
	jobs.clear();
	q.close();
	jobs.resize(50);
	CHECK(q.take_many(jobs, 0s) == 21);
	for (int i = 0; i < 21; i++)
		jobs[i].ack();
	CHECK(q.take_many(jobs, 0s) == 0);
}

static void looks_and_waits()
{
	auto region = ringq::region::create({.size = 1 << 20});
	auto a = ringq::queue::create(region, {.name = "a"}), b = ringq::queue::create(region);
	ringq_queue *const both[] = {a.get(), b.get()};
	ringq_record_info info;
	std::byte buffer[8];

	CHECK(!region.is_linked() && a.id() != 0 && a.id() != b.id());
	CHECK(ringq::try_wait_any(both).error == std::errc::resource_unavailable_try_again);
	b.put("one");
	CHECK(ringq::wait_any(both) == 1);
	auto looker = ringq::region::observe(region.fd());
	auto seen = ringq::queue::open(looker, "a");
	CHECK(error_of([&] { seen.put("x"); }) == std::errc::read_only_file_system);
	ringq::browser from(b);
	CHECK(from.next(buffer, &info) == 3 && info.sequence == 0);
	CHECK(!from.next(buffer) && b.size() == 1);
	a.interrupt();
	CHECK(error_of([&] { (void)a.get(buffer, 1min); }) == std::errc::interrupted);
	a.interruptible(true);
}

static void batches_of_values()
{
	auto q = ringq::typed_queue<int>::create({.max_records = 500});
	std::vector<int> in(1000), out(1000);

	for (int i = 0; i < 1000; i++)
		in[i] = i;
	CHECK(q.put_many(in, 0s) == 500);
	CHECK(error_of([&] { q.put_many(in, 0s); }) == std::errc::resource_unavailable_try_again);
	CHECK(q.get_many(std::span(out).first(500), 0s) == 500);
	CHECK(out[499] == 499);
	std::size_t got = 0;
	std::thread consumer([&] {
		while (std::size_t n = q.get_many(std::span(out).subspan(got)))
			got += n;
	});
	CHECK(q.put_many(in, 1min) == 1000);
	while (!q.records().empty())
		std::this_thread::yield();
	q.records().close();
	consumer.join();
	CHECK(got == 1000 && out == in);
	q.records() = ringq::queue::create();
	q.records().put("abc");
	CHECK(error_of([&] { q.get_many(out, 0s); }) == std::errc::bad_message);
	CHECK(q.put_many({}) == 0);
}

static void a_loop_over_a_queue_ends_with_it()
{
	auto q = ringq::queue::create();
	std::string all;

	for (const char *text : {"a", "b", "c"})
		q.put(text);
	q.close();
	for (ringq::record &r : q)
		all += r.text();
	CHECK(all == "abc");
}

static void pipes_and_arrays()
{
	auto [here, there] = ringq::pipe_end::create();
	auto counter = ringq::array<int>::create(1);
	std::byte buffer[8];
	pid_t child = fork();

	if (child == 0) {
		here.close();
		there.send("hi");
		counter.add(0, 41);
		ringq::lock_guard lock(counter);
		CHECK(!lock.owner_died());
		counter.data()[0]++;
		_exit(0); /* with the lock held */
	}
	there.close();
	CHECK(here.receive(buffer)->size() == 2);
	CHECK(!here.receive(buffer));
	CHECK(waitpid(child, nullptr, 0) == child);
	{
		ringq::lock_guard lock(counter);
		CHECK(lock.owner_died());
	}
	CHECK(counter.load(0) == 42);
	int was = 41;
	CHECK(!counter.compare_exchange(0, was, 7) && was == 42);
	CHECK(counter.compare_exchange(0, was, 7) && counter.add(0, 35) == 7);
	{
		ringq::lock_guard held(counter, std::try_to_lock);
		CHECK(held && !held.owner_died());
		std::thread([&] {
			ringq::lock_guard other(counter, std::try_to_lock);
			CHECK(!other && !other.owns_lock());
			CHECK(error_of([&] { ringq::lock_guard late(counter, 1ms); }) == std::errc::timed_out);
		}).join();
	}
	std::thread([&] { CHECK(ringq::lock_guard(counter, std::try_to_lock).owns_lock()); }).join();
	int whole[1];
	counter.read(whole);
	CHECK(whole[0] == 42);
}

static void moved_handles_release_once()
{
	auto a = ringq::queue::create();
	auto b = std::move(a);

	CHECK(!a.get() && b.get());
	b = ringq::queue();
	CHECK(!b.get());
	CHECK(error_of([&] { b.put("x"); }) == std::errc::invalid_argument);
}

int main()
{
	durations_become_nanoseconds();
	records_of_any_length();
	a_reservation_is_put_or_dropped();
	what_may_fail_tells_without_an_exception();
	the_end_is_no_error();
	a_value_of_another_size_is_told();
	a_delivery_that_is_dropped_comes_back();
	a_delivery_moves_and_is_finished_once();
	a_delivery_of_the_last_attempt_is_set_aside();
	deliveries_by_the_batch();
	looks_and_waits();
	batches_of_values();
	a_loop_over_a_queue_ends_with_it();
	pipes_and_arrays();
	moved_handles_release_once();
	return 0;
}
