// Which of the compiled kernels this processor can run.
#include "table.h"

#if defined(HUOZHONG_X86)
#include <cpuid.h>
#elif defined(HUOZHONG_ARM) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(HUOZHONG_ARM) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace huozhong {
namespace {

#if defined(HUOZHONG_X86)
// Asked of the processor itself: __builtin_cpu_supports wants a runtime that not every compiler's libraries start (zig's
// does not, and said that there was nothing), and does not know every set.
struct Cpu {
    unsigned ebx = 0, ecx = 0, more = 0, ecx1 = 0;  // leaves 7.0, 7.1 (eax) and 1
    uint64_t kept = 0;                              // registers that the system keeps when it changes tasks (XCR0)

    Cpu() {
        unsigned a, b, c, d;
        if (__get_cpuid(1, &a, &b, &c, &d)) ecx1 = c;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
            ebx = b;
            ecx = c;
        }
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) more = a;
        if (has(ecx1, 27)) {
            __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
            kept = a | uint64_t(d) << 32;
        }
    }
    static bool has(unsigned word, int bit) { return word >> bit & 1; }
    bool avx2() const { return (kept & 0x6) == 0x6 && has(ebx, 5) && has(ecx1, 12) && has(ecx1, 29); }  // FMA, F16C
    bool avx512() const {  // F, DQ, BW, VL, VNNI
        return avx2() && (kept & 0xe6) == 0xe6 && has(ebx, 16) && has(ebx, 17) && has(ebx, 30) && has(ebx, 31) && has(ecx, 11);
    }
    bool avxvnni() const { return avx2() && has(more, 4); }
    bool bf16() const { return avx512() && has(more, 5); }
    bool vpopcnt() const { return avx512() && has(ecx, 14); }
};
#endif

#if defined(HUOZHONG_ARM)
bool has_dotprod() {
#if defined(__APPLE__)
    int there = 0;
    size_t size = sizeof there;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &there, &size, nullptr, 0) == 0 && there;
#elif defined(__linux__)
    constexpr unsigned long ASIMDDP = 1ul << 20;  // HWCAP_ASIMDDP, which old headers lack
    return getauxval(AT_HWCAP) & ASIMDDP;
#else
    return false;
#endif
}
#endif

struct Available {
    const Kernels* list[8] = {};

    Available() {
        const Kernels** next = list;
#if defined(HUOZHONG_X86)
        const Cpu cpu;
#if defined(HUOZHONG_BF16)
        if (cpu.bf16()) *next++ = &kernels_avx512bf16;
#endif
        if (cpu.avx512()) *next++ = &kernels_avx512;
#if defined(HUOZHONG_AVXVNNI)
        if (cpu.avxvnni()) *next++ = &kernels_avx2vnni;
#endif
        if (cpu.avx2()) *next++ = &kernels_avx2;
#elif defined(HUOZHONG_ARM)
        if (has_dotprod()) *next++ = &kernels_neondot;
        *next++ = &kernels_neon;
#endif
        *next = &kernels_plain;
    }
};

}  // namespace

const Kernels* const* available_kernels() {
    static const Available available;
    return available.list;
}

Scan scan_of(const Kernels& k) {
#if defined(HUOZHONG_VPOPCNT)
    static const bool counts = Cpu().vpopcnt();
    bool is_avx512 = &k == &kernels_avx512;
#if defined(HUOZHONG_BF16)
    is_avx512 = is_avx512 || &k == &kernels_avx512bf16;
#endif
    if (is_avx512 && counts) return scan_avx512popcnt;
#endif
    return k.scan;
}

}  // namespace huozhong
