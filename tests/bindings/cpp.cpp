// SPDX-License-Identifier: MIT
// The C++20 binding opens, reads, accepts, times out and cancels, in coroutines that allocate
// their frames and nothing else; what ends early leaves no request behind.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <rota/rota.hpp>
#include <sys/socket.h>
#include <unistd.h>

using namespace std::chrono_literals;

static int number, failed;
static std::size_t allocations;

__attribute__((noinline)) void *operator new(std::size_t size)
{
    allocations++;
    void *memory = std::malloc(size);
    if (!memory)
        std::abort();
    return memory;
}
__attribute__((noinline)) void operator delete(void *memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

static void check(bool ok, const char *what)
{
    std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, what);
    failed += !ok;
}

static std::span<const std::byte> bytes(const char *text)
{
    return std::as_bytes(std::span(text, std::strlen(text)));
}

static rota::task<int> open_and_read(rota::ring &ring, const char *path)
{
    std::array<std::byte, 32> buffer;
    int fd = co_await rota::open(ring, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        co_return fd;
    int got = co_await rota::read(ring, fd, buffer, 5);
    bool right = got == 7 && !std::memcmp(buffer.data(), "is read", 7);
    co_await rota::close(ring, fd);
    co_return right ? got : -EBADMSG;
}

static rota::task<int> client(rota::ring &ring, sockaddr_in address)
{
    int fd = co_await rota::socket(ring, AF_INET, SOCK_STREAM, 0, 0);
    if (fd == -EINVAL) // before Linux 5.19 no request makes one
        fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        co_return fd;
    int ret = co_await rota::connect(ring, fd, reinterpret_cast<sockaddr *>(&address), sizeof(address));
    if (ret == 0)
        ret = co_await rota::send(ring, fd, bytes("hello"), 0);
    co_await rota::close(ring, fd);
    co_return ret;
}

static rota::task<int> serve(rota::ring &ring, int listening)
{
    std::array<std::byte, 16> buffer;
    int fd = co_await rota::accept(ring, listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
        co_return fd;
    int got = co_await rota::recv(ring, fd, buffer, 0);
    co_await rota::close(ring, fd);
    co_return got == 5 && !std::memcmp(buffer.data(), "hello", 5) ? got : -EBADMSG;
}

static rota::task<int> wait_for_nothing(rota::ring &ring, int fd)
{
    std::array<std::byte, 8> buffer;
    co_return co_await rota::read(ring, fd, buffer, 0).within(10ms);
}

static rota_op *running;

static rota::task<int> read_until_cancelled(rota::ring &ring, int fd)
{
    std::array<std::byte, 8> buffer;
    auto reading = rota::read(ring, fd, buffer, 0);
    running = reading.get();
    int ret = co_await reading;
    running = nullptr;
    co_return ret;
}

static rota::task<int> nested(rota::ring &ring, int fd)
{
    int first = co_await wait_for_nothing(ring, fd);
    int second = co_await wait_for_nothing(ring, fd);
    co_return first == -ETIME ? second : first;
}

static rota::task<int> many_nops(rota::ring &ring)
{
    int sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += co_await rota::nop(ring);
    co_return sum;
}

/* Two that are on their way are waited for, in the order that is not theirs; so is one that is done. */
static rota::task<int> several(rota::ring &ring, int fd)
{
    auto slow = wait_for_nothing(ring, fd), quick = many_nops(ring);
    slow.start();
    quick.start();
    quick.start();
    int first = co_await slow;
    bool finished = quick.done();
    int second = co_await quick;
    co_return first == -ETIME && finished && second == 0 ? co_await slow : -EBADMSG;
}

static rota::task<int> too_long(rota::ring &ring, int fd)
{
    static std::byte byte;
    co_return co_await rota::write(ring, fd, std::span(&byte, std::size_t{1} << 32), 0);
}

static rota::task<int> nothing_in_flight()
{
    co_await std::suspend_always();
    co_return 0;
}

static rota::task<int> await_both(rota::task<int> &first, rota::task<int> &second)
{
    int one = co_await first;
    int two = co_await second;
    co_return one == two ? one : -EBADMSG;
}

static rota::task<int> close_ring(rota::ring &ring)
{
    int ret = co_await rota::nop(ring);
    ring.close();
    co_return ret == 0 ? co_await rota::nop(ring) : ret;
}

static rota::task<int> one_byte(rota::ring &ring, int fd)
{
    std::byte byte;
    co_return co_await rota::read(ring, fd, std::span(&byte, 1), 0);
}

// As a server keeps its clients: one that is done makes room, those behind it go on in its place.
static void kept_in_a_row(rota::ring &ring, const int ends[2])
{
    std::array row{one_byte(ring, ends[0]), many_nops(ring), one_byte(ring, ends[0])};
    for (auto &each : row)
        each.start();
    check(rota::run(ring, row[1]) == 0 && !row[0].done() && !row[2].done(), "the second of three is done");
    auto end = std::remove_if(row.begin(), row.end(), [](auto &each) { return each.done(); });
    check(end == row.begin() + 2 && rota_in_flight(ring.get()) == 2, "the others take its place, in flight");
    check(write(ends[1], "ab", 2) == 2 && rota::run(ring, row[0]) == 1 && rota::run(ring, row[1]) == 1 &&
              row[2].done(),
          "and end there");
}

// Started twice, a coroutine would go on while the kernel still has its request.
static void starts_once(rota::ring &ring, int fd)
{
    auto first = wait_for_nothing(ring, fd), second = wait_for_nothing(ring, fd);
    first.start();
    first.start();
    second.start();
    check(rota_in_flight(ring.get()) == 2 && !first.done(), "a second start is none");
    check(rota::run(ring, await_both(first, second)) == -ETIME, "tasks that were started can be awaited");
    check(rota::run(ring, first) == -ETIME && rota::run(ring, await_both(first, second)) == -ETIME,
          "also when they are done");
    auto moved = std::move(first);
    first.start();
    check(first.done() && first.result() == 0 && moved.done() && moved.result() == -ETIME,
          "one that was moved from is done");
}

static void closes_within(int fd)
{
    rota::ring own;
    if (own.open(4) < 0)
        return;
    {
        auto closing = close_ring(own);
        check(rota::run(own, closing) < 0 && !own, "a coroutine closes its own ring");
    }
    check(own.open(4) == 0, "which can be opened again");
    rota::buffers buffers;
    rota_buffers_config config{};
    config.size = 1024;
    config.count = 4;
    int ret = buffers.open(own, config);
    {
        rota::handle handle(own);
        std::array<std::byte, 8> buffer;
        (void)rota_start_read(own.get(), handle.get(), fd, buffer.data(), 8, 0);
        (void)rota_submit(own.get());
        own.close();
        check(!own, "a ring is closed before what stands on it");
    }
    buffers.close();
    check(ret == 0 || ret == -EINVAL || ret == -EOPNOTSUPP, "and its buffers after it");
}

static void accepts(rota::ring &ring)
{
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool up = ::bind(listening, reinterpret_cast<sockaddr *>(&address), length) == 0 &&
              ::listen(listening, 4) == 0 &&
              ::getsockname(listening, reinterpret_cast<sockaddr *>(&address), &length) == 0;
    check(up, "a socket listens");
    auto server = serve(ring, listening);
    server.start();
    int sent = rota::run(ring, client(ring, address));
    // A server to which nobody comes is not waited for: the end of its coroutine stops it.
    while (sent == 5 && !server.done() && rota_run_once(ring.get()) >= 0)
        continue;
    check(sent == 5 && server.done() && server.result() == 5, "accepts, and two coroutines talk");
    ::close(listening);
}

static void ends_early(rota::ring &ring, int fd)
{
    {
        auto reading = read_until_cancelled(ring, fd);
        reading.start();
        check(rota_in_flight(ring.get()) == 1, "a coroutine waits");
    }
    check(rota_in_flight(ring.get()) == 0, "destroyed, it leaves no request behind");
    {
        std::array<std::byte, 8> buffer;
        rota::handle handle(ring);
        int ret = rota_start_read(ring.get(), handle.get(), fd, buffer.data(), 8, 0);
        check(ret == 0 && handle.active(), "a handle is started");
    }
    check(rota_in_flight(ring.get()) == 0, "at the end of its scope it is stopped");
}

int main()
{
    rota::ring ring;
    int ret = ring.open(16);
    if (ret < 0) {
        std::printf("1..0 # SKIP no ring: %s\n", std::strerror(-ret));
        return 77;
    }
    check(static_cast<bool>(ring) && ring.open(16) == -EBUSY, "a ring is opened once");

    char path[] = "/tmp/rota-cpp-XXXXXX";
    int fd = ::mkstemp(path);
    check(fd >= 0 && ::write(fd, "what is read", 12) == 12, "a file to read");
    check(rota::run(ring, open_and_read(ring, path)) == 7, "opens and reads");
    ::unlink(path);
    check(rota::run(ring, open_and_read(ring, path)) == -ENOENT, "an error is the result");
    check(rota::run(ring, too_long(ring, fd)) == -EINVAL, "a length beyond 32 bits is refused, not cut");
    ::close(fd);

    accepts(ring);

    int ends[2];
    check(::pipe(ends) == 0, "a pipe");
    check(rota::run(ring, wait_for_nothing(ring, ends[0])) == -ETIME, "times out");
    check(rota::run(ring, nested(ring, ends[0])) == -ETIME, "a task awaits another");
    auto reading = read_until_cancelled(ring, ends[0]);
    reading.start();
    check(rota_op_request_cancel(ring.get(), running) == 0 && rota_run(ring.get()) == 0 &&
              reading.done() && reading.result() == -ECANCELED,
          "is cancelled");
    check(rota::run(ring, several(ring, ends[0])) == -ETIME, "tasks that were started are awaited");
    auto one = many_nops(ring), other = nested(ring, ends[0]);
    one.start();
    other.start();
    check(rota::run(ring) == 0 && one.done() && other.done() && other.result() == -ETIME,
          "and driven together");
    ends_early(ring, ends[0]);
    starts_once(ring, ends[0]);
    kept_in_a_row(ring, ends);
    check(rota::run(ring, nothing_in_flight()) == -EDEADLK, "a wait for nothing is no wait for ever");

    allocations = 0;
    check(rota::run(ring, many_nops(ring)) == 0 && allocations <= 1,
          "a thousand requests allocate one frame");

    if (rota_cancel_all(ring.get()) == -EOPNOTSUPP) {
        std::printf("ok %d - the end of a ring # SKIP this kernel cannot cancel everything\n", ++number);
    } else {
        auto left = read_until_cancelled(ring, ends[0]);
        left.start();
        ring.close();
        check(!ring && left.done() && left.result() == -ECANCELED, "the end of a ring ends what waits");
        closes_within(ends[0]);
    }
    ::close(ends[0]);
    ::close(ends[1]);
    std::printf("1..%d\n", number);
    return failed != 0;
}
