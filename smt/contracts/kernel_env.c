// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the Linux kernel's logging and locking: neither touches the memory that the verifier looks at. (What another
 * thread does while a lock is free is not modelled: checks are of one thread.)
 *
 * The string arguments of log calls are checked by the format pass.
 */
int __vf_nondet_int(void);
unsigned long __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);
void __vf_assume(_Bool condition);
void __vf_unreachable(void);

/* printk: returns the number of characters; dev_* return nothing. */
int printk(const char *format, ...)
{
	return __vf_nondet_int();
}

int _printk(const char *format, ...)
{
	return __vf_nondet_int();
}

int _printk_deferred(const char *format, ...)
{
	return __vf_nondet_int();
}

#define MODEL_DEV_LOG(name)                                                                        \
	void name(const void *dev, const char *format, ...)                                        \
	{                                                                                          \
	}
MODEL_DEV_LOG(_dev_emerg)
MODEL_DEV_LOG(_dev_alert)
MODEL_DEV_LOG(_dev_crit)
MODEL_DEV_LOG(_dev_err)
MODEL_DEV_LOG(_dev_warn)
MODEL_DEV_LOG(_dev_notice)
MODEL_DEV_LOG(_dev_info)
MODEL_DEV_LOG(netdev_emerg)
MODEL_DEV_LOG(netdev_alert)
MODEL_DEV_LOG(netdev_crit)
MODEL_DEV_LOG(netdev_err)
MODEL_DEV_LOG(netdev_warn)
MODEL_DEV_LOG(netdev_notice)
MODEL_DEV_LOG(netdev_info)

void _dev_printk(const char *level, const void *dev, const char *format, ...)
{
}

void __dynamic_dev_dbg(void *descriptor, const void *dev, const char *format, ...)
{
}

void __dynamic_pr_debug(void *descriptor, const char *format, ...)
{
}

void __warn_printk(const char *format, ...)
{
}

void dump_stack(void)
{
}

/* panic and the report of a failed fortify check do not return. */
void panic(const char *format, ...)
{
	__vf_unreachable();
}

void fortify_panic(const char *name)
{
	__vf_unreachable();
}

/* Lock and unlock: no effect on data. */
#define MODEL_LOCK(name)                                                                           \
	void name(void *lock)                                                                      \
	{                                                                                          \
	}
MODEL_LOCK(mutex_lock)
MODEL_LOCK(mutex_unlock)
MODEL_LOCK(down_read)
MODEL_LOCK(up_read)
MODEL_LOCK(down_write)
MODEL_LOCK(up_write)
MODEL_LOCK(spin_lock)
MODEL_LOCK(spin_unlock)
MODEL_LOCK(spin_lock_bh)
MODEL_LOCK(spin_unlock_bh)
MODEL_LOCK(spin_lock_irq)
MODEL_LOCK(spin_unlock_irq)
MODEL_LOCK(_raw_spin_lock)
MODEL_LOCK(_raw_spin_unlock)
MODEL_LOCK(_raw_spin_lock_bh)
MODEL_LOCK(_raw_spin_unlock_bh)
MODEL_LOCK(_raw_spin_lock_irq)
MODEL_LOCK(_raw_spin_unlock_irq)
MODEL_LOCK(_raw_read_lock)
MODEL_LOCK(_raw_read_unlock)
MODEL_LOCK(_raw_write_lock)
MODEL_LOCK(_raw_write_unlock)

void mutex_lock_nested(void *lock, unsigned int subclass)
{
}

void rcu_read_lock(void)
{
}

void rcu_read_unlock(void)
{
}

void __rcu_read_lock(void)
{
}

void __rcu_read_unlock(void)
{
}

/* Saves the interrupt flags: any value. */
unsigned long _raw_spin_lock_irqsave(void *lock)
{
	return __vf_nondet_ulong();
}

void _raw_spin_unlock_irqrestore(void *lock, unsigned long flags)
{
}

/* 0, or -EINTR when a signal came first. */
#define MODEL_LOCK_INTERRUPTIBLE(name)                                                             \
	int name(void *lock)                                                                       \
	{                                                                                          \
		return __vf_nondet_bool() ? -4 : 0;                                                \
	}
MODEL_LOCK_INTERRUPTIBLE(mutex_lock_interruptible)
MODEL_LOCK_INTERRUPTIBLE(mutex_lock_killable)
MODEL_LOCK_INTERRUPTIBLE(down_interruptible)

/* 1 when the lock was taken. */
#define MODEL_TRYLOCK(name)                                                                        \
	int name(void *lock)                                                                       \
	{                                                                                          \
		return __vf_nondet_bool();                                                         \
	}
MODEL_TRYLOCK(mutex_trylock)
MODEL_TRYLOCK(_raw_spin_trylock)

/* Points where the scheduler may run something else. */
void __might_sleep(const char *file, int line)
{
}

void __might_resched(const char *file, int line, unsigned int offsets)
{
}

int __cond_resched(void)
{
	return __vf_nondet_bool();
}
