// The scan for processors that count bits by themselves (AVX512_VPOPCNTDQ), which not all with AVX-512 do.
#include "table.h"
#include "vec_avx512.h"

#include "scan.inl"

namespace huozhong {
int32_t scan_avx512popcnt(const CodeScan& job, int32_t first, int32_t last, float floor, float* score, int32_t* reaching) {
    return scan(job, first, last, floor, score, reaching);
}
}
