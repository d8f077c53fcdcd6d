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

#if defined(HUOZHONG_AVXVNNI)
bool has_avxvnni() {  // not every compiler's __builtin_cpu_supports knows it
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

#if defined(HUOZHONG_BF16)
bool has_bf16() {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}
#endif

#if defined(HUOZHONG_VPOPCNT)
bool has_vpopcnt() {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 14 & 1);
}
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
        __builtin_cpu_init();
        const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
        if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512vnni")) {
#if defined(HUOZHONG_BF16)
            if (has_bf16()) *next++ = &kernels_avx512bf16;
#endif
            *next++ = &kernels_avx512;
        }
#if defined(HUOZHONG_AVXVNNI)
        if (avx2 && has_avxvnni()) *next++ = &kernels_avx2vnni;
#endif
        if (avx2) *next++ = &kernels_avx2;
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
    static const bool counts = has_vpopcnt();
    bool is_avx512 = &k == &kernels_avx512;
#if defined(HUOZHONG_BF16)
    is_avx512 = is_avx512 || &k == &kernels_avx512bf16;
#endif
    if (is_avx512 && counts) return scan_avx512popcnt;
#endif
    return k.scan;
}

}  // namespace huozhong
