/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_RINGQ_HPP
#define RINGQ_RINGQ_HPP

/**
 * ringq for C++20: handles that release themselves, spans, chrono time-outs, exceptions. Header-only, over the C calls,
 * whose rules (ringq.h) hold here too; each function here is one of them. Whatever has no function here is called with get().
 *
 *  Handles    move-only; the destructor releases. A moved-from handle holds nothing: get() is nullptr.
 *  Errors     std::system_error with the errno of the C call. The try_ calls throw nothing: they return std::errc{} or the
 *             error, of a get and a peek with the length, of a batch with how many, and never wait unless they are given a
 *             time-out. A reservation and a lock guard that may fail without an exception tell by their bool.
 *  Times      any std::chrono duration; ringq::forever, ringq::nowait.
 *  The end    a get of a queue that is closed and drained (-EPIPE) is no error: std::nullopt, or false.
 *  Lifetime   a reservation, a delivery and a lock guard must not outlive the handle that they are of.
 *  Threads    as the C calls: a handle may be used by any number of threads at once.
 */

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ringq/ringq.h>

namespace ringq
{

using duration = std::chrono::nanoseconds;
inline constexpr duration nowait{0};
inline constexpr duration forever{-1};

/** What can be copied into shared memory as it is. */
template <class T>
concept trivial = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>;

namespace detail
{

[[noreturn]] inline void fail(int64_t error, const char *what)
{
	throw std::system_error(static_cast<int>(-error), std::generic_category(), what);
}

template <std::signed_integral Result>
inline Result check(Result result, const char *what)
{
	if (result < 0) [[unlikely]]
		fail(result, what);
	return result;
}

/** What an error of a get means: the end, which is none; any other is thrown. */
inline std::nullopt_t end_or_fail(int64_t error, const char *what)
{
	if (error != -EPIPE)
		fail(error, what);
	return std::nullopt;
}

constexpr std::errc errc(int64_t result) noexcept
{
	return result < 0 ? static_cast<std::errc>(-result) : std::errc{};
}

/** A time-out in ns. Negative durations, except ringq::forever, do not wait: they have passed. */
template <class Rep, class Period>
constexpr int64_t ns(std::chrono::duration<Rep, Period> d) noexcept
{
	if constexpr (std::same_as<std::chrono::duration<Rep, Period>, duration>) {
		if (d == forever)
			return RINGQ_FOREVER;
	}
	using seconds = std::chrono::duration<double>;
	if (d >= d.zero() && seconds(d) > seconds(9.2e9))
		return std::numeric_limits<int64_t>::max();
	int64_t n = std::chrono::duration_cast<duration>(d).count();
	return n < 0 ? 0 : n;
}

inline const char *c_str(const std::string &name) noexcept
{
	return name.empty() ? nullptr : name.c_str();
}

template <auto Release>
struct releaser {
	template <class T>
	void operator()(T *handle) const noexcept
	{
		Release(handle);
	}
};

} // namespace detail

/** A region. See region.h. */
class region
{
	std::unique_ptr<ringq_region, detail::releaser<ringq_region_detach>> handle_;

      public:
	region() = default;
	explicit region(ringq_region *owned) noexcept : handle_(owned)
	{
	}

	struct options {
		std::size_t size = 0; /* bytes of address space; 0 = 1 GiB */
		std::string name = {}; /* empty = anonymous */
		unsigned flags = 0;
	};

	[[nodiscard]] static region create(const options &o)
	{
		ringq_region_options c{};
		ringq_region *out;
		c.size = o.size;
		c.name = detail::c_str(o.name);
		c.flags = o.flags;
		detail::check(ringq_region_create(&out, &c), "ringq_region_create");
		return region(out);
	}

	[[nodiscard]] static region create()
	{
		return create(options{});
	}

	[[nodiscard]] static region open(const std::string &name)
	{
		ringq_region *out;
		detail::check(ringq_region_open(&out, name.c_str()), "ringq_region_open");
		return region(out);
	}

	/** The descriptor stays the caller's. */
	[[nodiscard]] static region attach(int fd)
	{
		ringq_region *out;
		detail::check(ringq_region_attach(&out, fd), "ringq_region_attach");
		return region(out);
	}

	[[nodiscard]] static region receive(int socket)
	{
		ringq_region *out;
		detail::check(ringq_region_receive(&out, socket), "ringq_region_receive");
		return region(out);
	}

	/** For looking only, of a descriptor that may be open for reading only: see look.h. */
	[[nodiscard]] static region observe(int fd)
	{
		ringq_region *out;
		detail::check(ringq_region_observe(&out, fd), "ringq_region_observe");
		return region(out);
	}

	void send(int socket) const
	{
		detail::check(ringq_region_send(get(), socket), "ringq_region_send");
	}

	/** Whether it has a name now. */
	[[nodiscard]] bool is_linked() const
	{
		return detail::check(ringq_region_is_linked(get()), "ringq_region_is_linked") != 0;
	}

	static void unlink(const std::string &name)
	{
		detail::check(ringq_region_unlink(name.c_str()), "ringq_region_unlink");
	}

	[[nodiscard]] int fd() const
	{
		return static_cast<int>(detail::check(ringq_region_fd(get()), "ringq_region_fd"));
	}

	/** Bytes of memory that the region takes now. */
	[[nodiscard]] int64_t memory() const
	{
		return detail::check(ringq_region_memory(get()), "ringq_region_memory");
	}

	[[nodiscard]] ringq_region *get() const noexcept
	{
		return handle_.get();
	}
};

/** A record that a get has allocated. */
class record
{
	std::unique_ptr<void, detail::releaser<std::free>> data_;
	std::size_t size_ = 0;

      public:
	record(void *owned, std::size_t size) noexcept : data_(owned), size_(size)
	{
	}

	[[nodiscard]] std::span<const std::byte> bytes() const noexcept
	{
		return {static_cast<const std::byte *>(data_.get()), size_};
	}

	[[nodiscard]] std::string_view text() const noexcept
	{
		return {static_cast<const char *>(data_.get()), size_};
	}

	[[nodiscard]] std::size_t size() const noexcept
	{
		return size_;
	}
};

/** What a try_get says: an error, or how long the record is; of a batch, how many were moved. */
struct got {
	std::errc error{};
	std::size_t size = 0;

	explicit operator bool() const noexcept
	{
		return error == std::errc{};
	}

	static got of(ssize_t result) noexcept
	{
		return {detail::errc(result), result < 0 ? 0 : static_cast<std::size_t>(result)};
	}
};

struct queue_options {
	std::string name = {}; /* empty = anonymous */
	uint64_t max_records = 0;
	uint64_t max_bytes = 0;
	unsigned order = RINGQ_ORDER_TOTAL;
	unsigned max_producers = 0;
	unsigned flags = 0;
	unsigned max_attempts = 0;       /* with RINGQ_ACKNOWLEDGED */
	std::string dead_letters = {};   /* with RINGQ_ACKNOWLEDGED: a queue of the same region; empty = dropped */
};

/**
 * A record in the hands of a consumer, in place in shared memory. ack() makes it done; whoever drops it, by an exception too,
 * gives it back: the next take gets it, with attempt() one higher. A queue of a single consumer that is not acknowledged takes
 * nothing back: there call ack(), as one that is dropped stays open, and further takes are EBUSY.
 */
class delivery
{
	ringq_queue *queue_ = nullptr;
	ringq_delivery c_{};

	friend class queue;

	void drop() noexcept
	{
		if (queue_)
			ringq_requeue(std::exchange(queue_, nullptr), &c_);
	}

      public:
	delivery() = default;

	delivery(delivery &&other) noexcept : queue_(std::exchange(other.queue_, nullptr)), c_(other.c_)
	{
	}

	delivery &operator=(delivery &&other) noexcept
	{
		if (this != &other) {
			drop();
			queue_ = std::exchange(other.queue_, nullptr);
			c_ = other.c_;
		}
		return *this;
	}

	~delivery()
	{
		drop();
	}

	/** Whether there is one: it was taken, and is neither done, given back nor moved away. */
	explicit operator bool() const noexcept
	{
		return queue_ != nullptr;
	}

	[[nodiscard]] std::span<const std::byte> bytes() const noexcept
	{
		return {static_cast<const std::byte *>(c_.data), c_.len};
	}

	[[nodiscard]] std::string_view text() const noexcept
	{
		return {static_cast<const char *>(c_.data), c_.len};
	}

	/** A copy of the record as a value; -EBADMSG if it is of another size. */
	template <trivial T>
	[[nodiscard]] T value() const
	{
		if (c_.len != sizeof(T)) [[unlikely]]
			detail::fail(-EBADMSG, "ringq::delivery: a record of another size");
		T copy;
		std::copy_n(static_cast<const std::byte *>(c_.data), sizeof(T), reinterpret_cast<std::byte *>(&copy));
		return copy;
	}

	/** 1 at first; more: it has come back. */
	[[nodiscard]] uint32_t attempt() const noexcept
	{
		return c_.attempt;
	}

	/** The record is done, and gone. ESTALE: it was not in hand any more. */
	void ack()
	{
		detail::check(ringq_ack(std::exchange(queue_, nullptr), &c_), "ringq_ack");
	}

	/** The delivery is over, whatever it returns. */
	[[nodiscard]] std::errc try_ack() noexcept
	{
		return detail::errc(ringq_ack(std::exchange(queue_, nullptr), &c_));
	}

	void requeue()
	{
		detail::check(ringq_requeue(std::exchange(queue_, nullptr), &c_), "ringq_requeue");
	}

	[[nodiscard]] std::errc try_requeue() noexcept
	{
		return detail::errc(ringq_requeue(std::exchange(queue_, nullptr), &c_));
	}

	/** What names the record for as long as its queue exists, the same in each delivery: its lane, and where in it. */
	[[nodiscard]] std::pair<uint32_t, uint64_t> id() const
	{
		uint32_t lane;
		uint64_t sequence;
		detail::check(ringq_delivery_id(queue_, &c_, &lane, &sequence), "ringq_delivery_id");
		return {lane, sequence};
	}
};

/** A queue of records of any length. See queue.h. */
class queue
{
	std::unique_ptr<ringq_queue, detail::releaser<ringq_queue_release>> handle_;

	static queue make(ringq_region *in, const queue_options &o)
	{
		ringq_queue_options c{};
		ringq_queue *out;
		c.name = detail::c_str(o.name);
		c.max_records = o.max_records;
		c.max_bytes = o.max_bytes;
		c.order = o.order;
		c.max_producers = o.max_producers;
		c.flags = o.flags;
		c.max_attempts = o.max_attempts;
		c.dead_letters = detail::c_str(o.dead_letters);
		detail::check(ringq_queue_create(&out, in, &c), "ringq_queue_create");
		return queue(out);
	}

      public:
	queue() = default;
	explicit queue(ringq_queue *owned) noexcept : handle_(owned)
	{
	}

	/** In a region of its own. */
	[[nodiscard]] static queue create(const queue_options &o = {})
	{
		return make(nullptr, o);
	}

	[[nodiscard]] static queue create(const region &in, const queue_options &o = {})
	{
		return make(in.get(), o);
	}

	/** An empty name opens the region's first queue. */
	[[nodiscard]] static queue open(const region &in, const std::string &name = {})
	{
		ringq_queue *out;
		detail::check(ringq_queue_open(&out, in.get(), detail::c_str(name)), "ringq_queue_open");
		return queue(out);
	}

	[[nodiscard]] ringq_queue *get() const noexcept
	{
		return handle_.get();
	}

	/* Putting. */

	template <class D = duration>
	void put(std::span<const std::byte> data, D timeout = forever)
	{
		detail::check(ringq_put(get(), data.data(), data.size(), detail::ns(timeout)), "ringq_put");
	}

	template <class D = duration>
	void put(std::string_view text, D timeout = forever)
	{
		detail::check(ringq_put(get(), text.data(), text.size(), detail::ns(timeout)), "ringq_put");
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_put(std::span<const std::byte> data, D timeout = nowait) noexcept
	{
		return detail::errc(ringq_put(get(), data.data(), data.size(), detail::ns(timeout)));
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_put(std::string_view text, D timeout = nowait) noexcept
	{
		return detail::errc(ringq_put(get(), text.data(), text.size(), detail::ns(timeout)));
	}

	/* Getting. */

	/** Copies the next record into the buffer: the part of it that it fills; nullopt: closed, and all taken. */
	template <class D = duration>
	[[nodiscard]] std::optional<std::span<std::byte>> get(std::span<std::byte> buffer, D timeout = forever)
	{
		ssize_t r = ringq_get(get(), buffer.data(), buffer.size(), detail::ns(timeout));
		if (r < 0) [[unlikely]]
			return detail::end_or_fail(r, "ringq_get");
		return buffer.first(static_cast<std::size_t>(r));
	}

	/** The next record, of whatever length. */
	template <class D = duration>
	[[nodiscard]] std::optional<record> get_record(D timeout = forever)
	{
		void *data;
		ssize_t r = ringq_get_alloc(get(), &data, detail::ns(timeout));
		if (r < 0) [[unlikely]]
			return detail::end_or_fail(r, "ringq_get_alloc");
		return record(data, static_cast<std::size_t>(r));
	}

	template <class D = duration>
	[[nodiscard]] got try_get(std::span<std::byte> buffer, D timeout = nowait) noexcept
	{
		return got::of(ringq_get(get(), buffer.data(), buffer.size(), detail::ns(timeout)));
	}

	/** `out` becomes the next record; on an error it stays as it is. */
	template <class D = duration>
	[[nodiscard]] std::errc try_get_record(std::optional<record> &out, D timeout = nowait) noexcept
	{
		void *data;
		ssize_t r = ringq_get_alloc(get(), &data, detail::ns(timeout));
		if (r >= 0)
			out.emplace(data, static_cast<std::size_t>(r));
		return detail::errc(r);
	}

	[[nodiscard]] got try_peek(std::span<std::byte> buffer) noexcept
	{
		return got::of(ringq_peek(get(), buffer.data(), buffer.size()));
	}

	/* Batches: how many were put or taken, from the front. 0 of get_many and take_many: closed, and all taken. */

	template <class D = duration>
	std::size_t put_many(std::span<const iovec> records, D timeout = forever)
	{
		return static_cast<std::size_t>(
			detail::check(ringq_put_many(get(), records.data(), records.size(), detail::ns(timeout)), "ringq_put_many"));
	}

	template <class D = duration>
	std::size_t get_many(std::span<iovec> records, D timeout = forever)
	{
		ssize_t r = ringq_get_many(get(), records.data(), records.size(), detail::ns(timeout));
		return r == -EPIPE ? 0 : static_cast<std::size_t>(detail::check(r, "ringq_get_many"));
	}

	template <class D = duration>
	[[nodiscard]] got try_put_many(std::span<const iovec> records, D timeout = nowait) noexcept
	{
		return got::of(ringq_put_many(get(), records.data(), records.size(), detail::ns(timeout)));
	}

	template <class D = duration>
	[[nodiscard]] got try_get_many(std::span<iovec> records, D timeout = nowait) noexcept
	{
		return got::of(ringq_get_many(get(), records.data(), records.size(), detail::ns(timeout)));
	}

	/* Acknowledged queues. */

	/** nullopt: closed, nothing waits, and nothing is in anybody's hands. */
	template <class D = duration>
	[[nodiscard]] std::optional<delivery> take(D timeout = forever)
	{
		std::optional<delivery> taken(std::in_place);
		int r = ringq_take(get(), &taken->c_, detail::ns(timeout));
		if (r < 0) [[unlikely]]
			return detail::end_or_fail(r, "ringq_take");
		taken->queue_ = get();
		return taken;
	}

	/** What `out` had in hand is given back first. */
	template <class D = duration>
	[[nodiscard]] std::errc try_take(delivery &out, D timeout = nowait) noexcept
	{
		out.drop();
		int r = ringq_take(get(), &out.c_, detail::ns(timeout));
		if (r == 0)
			out.queue_ = get();
		return detail::errc(r);
	}

	/** Takes what is there, waiting only for the first: how many. What `out` had in hand is given back first. */
	template <class D = duration>
	std::size_t take_many(std::span<delivery> out, D timeout = forever)
	{
		got taken = try_take_many(out, timeout);
		if (!taken && taken.error != std::errc::broken_pipe)
			detail::fail(-static_cast<int64_t>(taken.error), "ringq_take_many");
		return taken.size;
	}

	template <class D = duration>
	[[nodiscard]] got try_take_many(std::span<delivery> out, D timeout = nowait) noexcept
	{
		std::array<ringq_delivery, 32> part;
		std::size_t done = 0;
		for (delivery &d : out)
			d.drop();
		while (done < out.size()) {
			std::size_t n = std::min(out.size() - done, part.size());
			ssize_t r = ringq_take_many(get(), part.data(), n, done ? RINGQ_NOWAIT : detail::ns(timeout));
			if (r < 0)
				return done ? got{{}, done} : got::of(r);
			for (ssize_t i = 0; i < r; i++, done++) {
				out[done].c_ = part[static_cast<std::size_t>(i)];
				out[done].queue_ = get();
			}
			if (r < static_cast<ssize_t>(n))
				break;
		}
		return {{}, done};
	}

	/** Waits until nothing waits and nothing is in hand. */
	template <class D = duration>
	void join(D timeout = forever)
	{
		detail::check(ringq_join(get(), detail::ns(timeout)), "ringq_join");
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_join(D timeout = nowait) noexcept
	{
		return detail::errc(ringq_join(get(), detail::ns(timeout)));
	}

	/* Each record, until the queue is closed and all is taken: for (ringq::record &r : queue). */

	class iterator
	{
		queue *from_ = nullptr;
		mutable std::optional<record> now_;

	      public:
		using iterator_concept = std::input_iterator_tag;
		using value_type = record;
		using difference_type = std::ptrdiff_t;

		iterator() = default;
		explicit iterator(queue &from) : from_(&from), now_(from.get_record())
		{
		}

		record &operator*() const noexcept
		{
			return *now_;
		}

		iterator &operator++()
		{
			now_ = from_->get_record();
			return *this;
		}

		void operator++(int)
		{
			++*this;
		}

		friend bool operator==(const iterator &i, std::default_sentinel_t) noexcept
		{
			return !i.now_;
		}
	};

	[[nodiscard]] iterator begin()
	{
		return iterator(*this);
	}

	[[nodiscard]] static std::default_sentinel_t end() noexcept
	{
		return {};
	}

	/* Looking, and the end. */

	[[nodiscard]] bool empty() const noexcept
	{
		return ringq_empty(get());
	}

	[[nodiscard]] bool full() const noexcept
	{
		return ringq_full(get());
	}

	[[nodiscard]] uint64_t size() const noexcept
	{
		return ringq_size(get());
	}

	void close()
	{
		detail::check(ringq_close(get()), "ringq_close");
	}

	/** Deletes the queue, for everybody who has it. */
	void remove()
	{
		detail::check(ringq_queue_delete(get()), "ringq_queue_delete");
	}

	/** A descriptor for poll or epoll, of RINGQ_READABLE or RINGQ_WRITABLE; it is the queue's. */
	[[nodiscard]] int event_fd(unsigned what = RINGQ_READABLE)
	{
		return static_cast<int>(detail::check(ringq_event_fd_for(get(), what), "ringq_event_fd_for"));
	}

	/** Ends this process's waits on this handle, with -EINTR. From a signal handler too. */
	void interrupt() noexcept
	{
		ringq_interrupt(get());
	}

	/** Whether a signal handler that has run ends a wait on this handle, with -EINTR. */
	void interruptible(bool on)
	{
		detail::check(ringq_queue_interruptible(get(), on), "ringq_queue_interruptible");
	}

	/** Never another's in its region; not 0. */
	[[nodiscard]] uint64_t id() const noexcept
	{
		return ringq_queue_id(get());
	}

	[[nodiscard]] struct ringq_queue_stat stat() const
	{
		struct ringq_queue_stat out;
		detail::check(::ringq_queue_stat(get(), &out), "ringq_queue_stat");
		return out;
	}

	/** The handle is the caller's from here on: ringq_queue_release(). */
	[[nodiscard]] ringq_queue *release() noexcept
	{
		return handle_.release();
	}
};

/** Waits until one of several queues has a record or is closed: which, by its place. */
template <class D = duration>
[[nodiscard]] std::size_t wait_any(std::span<ringq_queue *const> queues, D timeout = forever)
{
	return static_cast<std::size_t>(
		detail::check(ringq_wait_any(queues.data(), queues.size(), detail::ns(timeout)), "ringq_wait_any"));
}

template <class D = duration>
[[nodiscard]] got try_wait_any(std::span<ringq_queue *const> queues, D timeout = nowait) noexcept
{
	return got::of(ringq_wait_any(queues.data(), queues.size(), detail::ns(timeout)));
}

/** Shows what waits in a queue, oldest first, and takes nothing: see ringq_browse_next(). One thread at a time. */
class browser
{
	std::unique_ptr<ringq_browser, detail::releaser<ringq_browse_end>> handle_;

      public:
	explicit browser(const queue &of)
	{
		ringq_browser *out;
		detail::check(ringq_browse(&out, of.get()), "ringq_browse");
		handle_.reset(out);
	}

	/** Copies what fits of the next record: its whole length; nullopt: no more now. */
	[[nodiscard]] std::optional<std::size_t> next(std::span<std::byte> buffer, ringq_record_info *info = nullptr)
	{
		ssize_t r = ringq_browse_next(handle_.get(), buffer.data(), buffer.size(), info);
		if (r == -ENOENT)
			return std::nullopt;
		return static_cast<std::size_t>(detail::check(r, "ringq_browse_next"));
	}
};

/** A record that is written in place: commit() puts it; a destructor that runs before drops it. */
class reservation
{
	ringq_queue *queue_;
	void *data_ = nullptr;
	std::size_t size_;

      public:
	template <class D = duration>
	reservation(queue &in, std::size_t size, D timeout = forever) : queue_(in.get()), size_(size)
	{
		detail::check(ringq_reserve(queue_, &data_, size, detail::ns(timeout)), "ringq_reserve");
	}

	/** Without an exception: what went wrong is in `error`, and this is false. */
	template <class D = duration>
	reservation(queue &in, std::size_t size, std::errc &error, D timeout = nowait) noexcept : queue_(in.get()), size_(size)
	{
		error = detail::errc(ringq_reserve(queue_, &data_, size, detail::ns(timeout)));
		if (error != std::errc{})
			size_ = 0;
	}

	/** Whether it is open. */
	explicit operator bool() const noexcept
	{
		return data_ != nullptr;
	}

	reservation(const reservation &) = delete;
	reservation &operator=(const reservation &) = delete;

	~reservation()
	{
		if (data_)
			ringq_abort(queue_, data_);
	}

	[[nodiscard]] std::span<std::byte> bytes() const noexcept
	{
		return {static_cast<std::byte *>(data_), size_};
	}

	/** Puts the first `size` bytes of it. */
	void commit(std::size_t size)
	{
		detail::check(ringq_commit(queue_, data_, size), "ringq_commit");
		data_ = nullptr;
	}

	void commit()
	{
		commit(size_);
	}

	[[nodiscard]] std::errc try_commit(std::size_t size) noexcept
	{
		int r = ringq_commit(queue_, data_, size);
		if (r == 0)
			data_ = nullptr;
		return detail::errc(r);
	}
};

/**
 * A queue of values of one type. A record of another size is an error: -EMSGSIZE if it is longer, which stays where it is, and
 * -EBADMSG if it is shorter, which is taken, in get_many() with what that has taken beside it.
 */
template <trivial T>
class typed_queue
{
	queue queue_;

	/* A part at a time; one that does not move all of its records is the last. An error only if nothing was moved. */
	template <class U, class Move>
	static ssize_t batch(std::span<U> values, Move move)
	{
		std::array<iovec, 64> records;
		std::size_t done = 0;
		while (done < values.size()) {
			std::size_t n = std::min(values.size() - done, records.size());
			for (std::size_t i = 0; i < n; i++)
				records[i] = {const_cast<std::remove_const_t<T> *>(&values[done + i]), sizeof(T)};
			ssize_t r = move(records.data(), n, done == 0);
			if (r < 0 && done == 0)
				return r;
			done += r > 0 ? static_cast<std::size_t>(r) : 0;
			if (r < static_cast<ssize_t>(n))
				break;
		}
		return static_cast<ssize_t>(done);
	}

	ssize_t put_batch(std::span<const T> values, const int64_t whole)
	{
		const auto start = whole > 0 ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point{};
		return batch<const T>(values, [&](iovec *records, std::size_t n, bool first) {
			int64_t left = whole;
			if (!first && whole > 0)
				left -= std::min(whole, detail::ns(std::chrono::steady_clock::now() - start));
			return ringq_put_many(queue_.get(), records, n, left);
		});
	}

	/* One of another size ends it: -EBADMSG, with what was taken before it, in this part, lost to the caller. */
	ssize_t get_batch(std::span<T> values, const int64_t timeout)
	{
		bool misfit = false;
		ssize_t taken = batch<T>(values, [&](iovec *records, std::size_t n, bool first) {
			ssize_t r = ringq_get_many(queue_.get(), records, n, first ? timeout : RINGQ_NOWAIT);
			for (ssize_t i = 0; i < r; i++)
				misfit |= records[i].iov_len != sizeof(T);
			return misfit ? -EBADMSG : r;
		});
		return misfit ? -EBADMSG : taken;
	}

      public:
	typed_queue() = default;
	explicit typed_queue(queue q) noexcept : queue_(std::move(q))
	{
	}

	[[nodiscard]] static typed_queue create(const queue_options &o = {})
	{
		return typed_queue(queue::create(o));
	}

	[[nodiscard]] static typed_queue create(const region &in, const queue_options &o = {})
	{
		return typed_queue(queue::create(in, o));
	}

	[[nodiscard]] static typed_queue open(const region &in, const std::string &name = {})
	{
		return typed_queue(queue::open(in, name));
	}

	template <class D = duration>
	void put(const T &value, D timeout = forever)
	{
		detail::check(ringq_put(queue_.get(), &value, sizeof(T), detail::ns(timeout)), "ringq_put");
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_put(const T &value, D timeout = nowait) noexcept
	{
		return detail::errc(ringq_put(queue_.get(), &value, sizeof(T), detail::ns(timeout)));
	}

	/** False: closed, and all taken. */
	template <class D = duration>
	[[nodiscard]] bool get(T &value, D timeout = forever)
	{
		ssize_t r = ringq_get(queue_.get(), &value, sizeof(T), detail::ns(timeout));
		if (r == static_cast<ssize_t>(sizeof(T))) [[likely]]
			return true;
		if (r >= 0)
			detail::fail(-EBADMSG, "ringq::typed_queue: a record of another size");
		return detail::end_or_fail(r, "ringq_get"), false;
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_get(T &value, D timeout = nowait) noexcept
	{
		ssize_t r = ringq_get(queue_.get(), &value, sizeof(T), detail::ns(timeout));
		return r >= 0 && r != static_cast<ssize_t>(sizeof(T)) ? std::errc::bad_message : detail::errc(r);
	}

	/** A record in hand, of which delivery::value<T>() makes a value: see queue::take(). */
	template <class D = duration>
	[[nodiscard]] std::optional<delivery> take(D timeout = forever)
	{
		return queue_.take(timeout);
	}

	/** Puts values in order; how many, if not all go in in time. */
	template <class D = duration>
	std::size_t put_many(std::span<const T> values, D timeout = forever)
	{
		return static_cast<std::size_t>(detail::check(put_batch(values, detail::ns(timeout)), "ringq_put_many"));
	}

	template <class D = duration>
	[[nodiscard]] got try_put_many(std::span<const T> values, D timeout = nowait) noexcept
	{
		return got::of(put_batch(values, detail::ns(timeout)));
	}

	/** Takes values that are there, waiting only for the first: how many; 0: closed, and all taken. */
	template <class D = duration>
	std::size_t get_many(std::span<T> values, D timeout = forever)
	{
		ssize_t r = get_batch(values, detail::ns(timeout));
		return r == -EPIPE ? 0 : static_cast<std::size_t>(detail::check(r, "ringq_get_many"));
	}

	template <class D = duration>
	[[nodiscard]] got try_get_many(std::span<T> values, D timeout = nowait) noexcept
	{
		return got::of(get_batch(values, detail::ns(timeout)));
	}

	[[nodiscard]] queue &records() noexcept
	{
		return queue_;
	}
};

/** An end of a pipe. See pipe.h. */
class pipe_end
{
	std::unique_ptr<ringq_pipe, detail::releaser<ringq_pipe_close>> handle_;

      public:
	pipe_end() = default;
	explicit pipe_end(ringq_pipe *owned) noexcept : handle_(owned)
	{
	}

	/** Both ends. flags: 0, or RINGQ_SIMPLEX and the single flags. */
	[[nodiscard]] static std::pair<pipe_end, pipe_end> create(unsigned flags = 0, const region &in = region())
	{
		ringq_pipe *a, *b;
		detail::check(ringq_pipe_create(&a, &b, in.get(), flags), "ringq_pipe_create");
		return {pipe_end(a), pipe_end(b)};
	}

	template <class D = duration>
	void send(std::span<const std::byte> data, D timeout = forever)
	{
		detail::check(ringq_send(get(), data.data(), data.size(), detail::ns(timeout)), "ringq_send");
	}

	template <class D = duration>
	void send(std::string_view text, D timeout = forever)
	{
		detail::check(ringq_send(get(), text.data(), text.size(), detail::ns(timeout)), "ringq_send");
	}

	/** nullopt: the other end is gone, and all that it sent was received. */
	template <class D = duration>
	[[nodiscard]] std::optional<std::span<std::byte>> receive(std::span<std::byte> buffer, D timeout = forever)
	{
		ssize_t r = ringq_receive(get(), buffer.data(), buffer.size(), detail::ns(timeout));
		if (r < 0) [[unlikely]]
			return detail::end_or_fail(r, "ringq_receive");
		return buffer.first(static_cast<std::size_t>(r));
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_send(std::span<const std::byte> data, D timeout = nowait) noexcept
	{
		return detail::errc(ringq_send(get(), data.data(), data.size(), detail::ns(timeout)));
	}

	template <class D = duration>
	[[nodiscard]] std::errc try_send(std::string_view text, D timeout = nowait) noexcept
	{
		return detail::errc(ringq_send(get(), text.data(), text.size(), detail::ns(timeout)));
	}

	template <class D = duration>
	[[nodiscard]] got try_receive(std::span<std::byte> buffer, D timeout = nowait) noexcept
	{
		return got::of(ringq_receive(get(), buffer.data(), buffer.size(), detail::ns(timeout)));
	}

	/** Whether there is something to receive in time, be it the end of all. */
	template <class D = duration>
	[[nodiscard]] bool poll(D timeout = nowait)
	{
		return detail::check(ringq_poll(get(), detail::ns(timeout)), "ringq_poll") != 0;
	}

	/** To whoever takes it from the socket's other side; this process keeps it, too. */
	void give(int socket) const
	{
		detail::check(ringq_pipe_give(get(), socket), "ringq_pipe_give");
	}

	[[nodiscard]] static pipe_end take(int socket)
	{
		ringq_pipe *out;
		detail::check(ringq_pipe_take(&out, socket), "ringq_pipe_take");
		return pipe_end(out);
	}

	void close() noexcept
	{
		handle_.reset();
	}

	[[nodiscard]] ringq_pipe *get() const noexcept
	{
		return handle_.get();
	}
};

namespace detail
{

template <class T>
consteval ringq_type type_of()
{
	if constexpr (std::same_as<T, float>)
		return RINGQ_FLOAT;
	else if constexpr (std::same_as<T, double>)
		return RINGQ_DOUBLE;
	else if constexpr (std::is_signed_v<T>)
		return sizeof(T) == 1 ? RINGQ_INT8 : sizeof(T) == 2 ? RINGQ_INT16 : sizeof(T) == 4 ? RINGQ_INT32 : RINGQ_INT64;
	else
		return sizeof(T) == 1 ? RINGQ_UINT8 :
			sizeof(T) == 2 ? RINGQ_UINT16 : sizeof(T) == 4 ? RINGQ_UINT32 : RINGQ_UINT64;
}

} // namespace detail

/** What an array of ringq can have as elements: integers up to 64 bits, float, double. */
template <class T>
concept element = (std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8) || std::same_as<T, float> ||
	std::same_as<T, double>;

/** An array that all who have it share. See array.h. */
template <element T>
class array
{
	std::unique_ptr<ringq_array, detail::releaser<ringq_array_release>> handle_;

      public:
	array() = default;
	explicit array(ringq_array *owned) noexcept : handle_(owned)
	{
	}

	/** An empty name: anonymous, for the creator and the children that it forks. */
	[[nodiscard]] static array create(std::size_t count, const region &in = region(), const std::string &name = {})
	{
		ringq_array *out;
		detail::check(ringq_array_create(&out, in.get(), detail::c_str(name), detail::type_of<T>(), count),
			"ringq_array_create");
		return array(out);
	}

	/** std::errc::invalid_argument if its elements are of another type. */
	[[nodiscard]] static array open(const region &in, const std::string &name)
	{
		ringq_array *out;
		detail::check(ringq_array_open(&out, in.get(), name.c_str()), "ringq_array_open");
		array a(out);
		if (ringq_array_type(out) != detail::type_of<T>())
			detail::fail(-EINVAL, "ringq::array: elements of another type");
		return a;
	}

	/** Its elements, for plain access under the lock. */
	[[nodiscard]] std::span<T> data() const noexcept
	{
		return {static_cast<T *>(ringq_array_data(get())), ringq_array_count(get())};
	}

	[[nodiscard]] std::size_t size() const noexcept
	{
		return ringq_array_count(get());
	}

	[[nodiscard]] T load(std::size_t index) const
	{
		T value;
		detail::check(ringq_load(get(), index, &value), "ringq_load");
		return value;
	}

	void store(std::size_t index, T value)
	{
		detail::check(ringq_store(get(), index, &value), "ringq_store");
	}

	/** Returns what was there before. */
	int64_t add(std::size_t index, int64_t delta)
		requires std::integral<T>
	{
		int64_t previous;
		detail::check(ringq_add(get(), index, delta, &previous), "ringq_add");
		return previous;
	}

	/** Whether it was `expected`, which becomes what it was, and is `desired` now. */
	[[nodiscard]] bool compare_exchange(std::size_t index, T &expected, T desired)
		requires std::integral<T>
	{
		auto was = static_cast<int64_t>(expected);
		int r = ringq_compare_exchange(get(), index, &was, static_cast<int64_t>(desired));
		if (r != -EAGAIN)
			detail::check(r, "ringq_compare_exchange");
		expected = static_cast<T>(was);
		return r == 0;
	}

	/** The whole, of one instant. */
	void read(std::span<T> into) const
	{
		detail::check(ringq_array_read(get(), into.data(), into.size_bytes()), "ringq_array_read");
	}

	void write(std::span<const T> from)
	{
		detail::check(ringq_array_write(get(), from.data(), from.size_bytes()), "ringq_array_write");
	}

	[[nodiscard]] ringq_array *get() const noexcept
	{
		return handle_.get();
	}
};

/** Holds an array's lock. owner_died(): its last holder died inside, so the content may want repair. */
class lock_guard
{
	ringq_array *array_;
	int result_;

      public:
	template <class T, class D = duration>
	explicit lock_guard(array<T> &a, D timeout = forever) : array_(a.get()), result_(ringq_lock(array_, detail::ns(timeout)))
	{
		if (!owns_lock()) [[unlikely]]
			detail::fail(result_, "ringq_lock");
	}

	/** Without waiting and without an exception: owns_lock() tells. */
	template <class T>
	lock_guard(array<T> &a, std::try_to_lock_t) noexcept : array_(a.get()), result_(ringq_lock(array_, RINGQ_NOWAIT))
	{
	}

	lock_guard(const lock_guard &) = delete;
	lock_guard &operator=(const lock_guard &) = delete;

	~lock_guard()
	{
		if (owns_lock())
			ringq_unlock(array_);
	}

	[[nodiscard]] bool owns_lock() const noexcept
	{
		return result_ == 0 || owner_died();
	}

	explicit operator bool() const noexcept
	{
		return owns_lock();
	}

	[[nodiscard]] bool owner_died() const noexcept
	{
		return result_ == -EOWNERDEAD;
	}
};

} // namespace ringq

#endif
