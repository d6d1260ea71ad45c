/* SPDX-License-Identifier: MIT */
#include "../common.h"

#if defined(__x86_64__)

#include "access.h"

#ifdef HAVE_ZYDIS

#include <Zydis/Zydis.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RANGES 256
#define LIST_MOST 64

static struct {
	struct range {
		uint64_t begin, end;
	} shared[RANGES];
	size_t count;
	bool fresh; /* no system call since they were read */
	uint64_t list;
	ZydisDecoder decoder;
} seen;

/* The shared mappings, and those by which the kernel tells the time. */
static void read_mappings(pid_t pid)
{
	char path[32], line[512], flags[8];
	struct range range;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "r");
	check(file);
	seen.count = 0;
	while (fgets(line, sizeof(line), file)) {
		check_eq(sscanf(line, "%lx-%lx %7s", &range.begin, &range.end, flags), 3);
		if (flags[3] != 's' && !strstr(line, "[vvar"))
			continue;
		check_compare(seen.count, <, RANGES);
		seen.shared[seen.count++] = range;
	}
	fclose(file);
	seen.fresh = true;
}

static bool is_shared(uint64_t address, uint64_t bytes)
{
	for (size_t i = 0; i < seen.count; i++)
		if (address < seen.shared[i].end && address + bytes > seen.shared[i].begin)
			return true;
	return false;
}

static bool read_child(pid_t pid, uint64_t address, void *to, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)address, len};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static void fill_registers(ZydisRegisterContext *context, const struct user_regs_struct *regs)
{
	const uint64_t values[] = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp, regs->rsi,
		regs->rdi, regs->r8, regs->r9, regs->r10, regs->r11, regs->r12, regs->r13, regs->r14, regs->r15};

	for (size_t i = 0; i < COUNT(values); i++)
		context->values[ZYDIS_REGISTER_RAX + i] = values[i];
}

/* What cannot be told is taken to be shared. */
static bool operand_is_shared(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand,
	const struct user_regs_struct *regs)
{
	ZydisRegisterContext context = {0};
	uint64_t address;

	if (operand->mem.type != ZYDIS_MEMOP_TYPE_MEM || instruction->address_width != 64 || operand->size == 0)
		return true;
	fill_registers(&context, regs);
	if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(instruction, operand, regs->rip, &context, &address)))
		return true;
	if (operand->mem.segment == ZYDIS_REGISTER_FS)
		address += regs->fs_base;
	else if (operand->mem.segment == ZYDIS_REGISTER_GS)
		address += regs->gs_base;
	return is_shared(address, operand->size / 8);
}

static unsigned operand_access(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand,
	const struct user_regs_struct *regs)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
		!operand_is_shared(instruction, operand, regs))
		return 0;
	return ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) ? ACCESS_READS : 0) |
	       ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) ? ACCESS_CHANGES : 0);
}

unsigned access_next(pid_t pid, const struct user_regs_struct *regs)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	uint8_t code[ZYDIS_MAX_INSTRUCTION_LENGTH] = {0};
	unsigned access = 0;

	if (!seen.fresh)
		read_mappings(pid);
	if (!read_child(pid, regs->rip, code, sizeof(code)) ||
		!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&seen.decoder, code, sizeof(code), &instruction, operands)))
		return ACCESS_READS | ACCESS_CHANGES;
	switch (instruction.mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL:
		seen.fresh = false;
		return ACCESS_READS | ACCESS_CHANGES;
	case ZYDIS_MNEMONIC_PREFETCHW:
		return 0; /* a hint */
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDTSCP:
		return ACCESS_READS;
	default:
		for (size_t i = 0; i < instruction.operand_count; i++)
			access |= operand_access(&instruction, &operands[i], regs);
		return access;
	}
}

static uint64_t mix(uint64_t hash, const void *value)
{
	return (hash ^ (uintptr_t)value) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Everything of the list that the kernel would go by, but for the futex words, which are shared. */
static uint64_t hash_list(pid_t pid)
{
	struct robust_list_head head, *at;
	struct robust_list *entry;
	size_t size;
	uint64_t hash;

	if (syscall(SYS_get_robust_list, pid, &at, &size) || !read_child(pid, (uintptr_t)at, &head, sizeof(head)))
		return 0;
	hash = mix(mix((uint64_t)head.futex_offset, head.list_op_pending), head.list.next);
	entry = head.list.next;
	for (int i = 0; i < LIST_MOST && entry != &at->list; i++) {
		/* Those of priority-inheriting mutexes are tagged. */
		if (!read_child(pid, (uintptr_t)entry & ~(uintptr_t)1, &entry, sizeof(entry)))
			break;
		hash = mix(hash, entry);
	}
	return hash;
}

bool access_list_changed(pid_t pid)
{
	uint64_t before = seen.list;

	seen.list = hash_list(pid);
	return seen.list != before;
}

void access_begin(pid_t pid)
{
	check(ZYAN_SUCCESS(ZydisDecoderInit(&seen.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
	seen.fresh = false;
	seen.list = hash_list(pid);
}

#else

unsigned access_next(pid_t pid, const struct user_regs_struct *regs)
{
	(void)pid, (void)regs;
	return ACCESS_READS | ACCESS_CHANGES;
}

bool access_list_changed(pid_t pid)
{
	(void)pid;
	return true;
}

void access_begin(pid_t pid)
{
	(void)pid;
}

#endif
#endif
