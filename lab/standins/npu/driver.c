/* Stand-in for libze_intel_npu.so.1, Intel's Level Zero driver of the NPU: it says what the real one
 * says of a Meteor Lake, where it can open the device, and computes nothing. SOURCES.md has where
 * each value is from. */
#include <fcntl.h>
#include <level_zero/ze_api.h>
#include <level_zero/ze_ddi.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define DEVICE "/dev/accel/accel0"
#define EXPORT __attribute__((visibility("default")))
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The loader writes its own handle's table into the first word of an object. */
typedef struct {
    void *loader[8];
} object_t;
static object_t driver, device;

static const ze_driver_uuid_t DRIVER_UUID = {
    {0x01, 0x7d, 0xe9, 0x31, 0x6b, 0x4d, 0x4f, 0xd4, 0xaa, 0x9b, 0x5b, 0xed, 0x77, 0xfc, 0x8e, 0x89}};
static const ze_device_uuid_t DEVICE_UUID = {
    {0x80, 0xd1, 0xd1, 0x1e, 0xb7, 0x38, 0x11, 0xea, 0xb3, 0xde, 0x02, 0x42, 0xac, 0x13, 0x00, 0x04}};

static const ze_driver_extension_properties_t EXTENSIONS[] = {
    {"ZE_extension_graph", ZE_MAKE_VERSION(1, 5)},
    {"ZE_extension_profiling_data", ZE_MAKE_VERSION(1, 0)},
};

static ze_result_t unsupported(void) { return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE; }

/* As the real one: read and write, a device file, and the only link to it. */
static int opens(void) {
    struct stat found;
    int fd = open(DEVICE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return 0;
    int ours = fstat(fd, &found) == 0 && S_ISCHR(found.st_mode) && found.st_nlink == 1;
    close(fd);
    return ours;
}

static ze_result_t ZE_APICALL initialize(ze_init_flags_t flags) {
    if (flags && !(flags & ZE_INIT_FLAG_VPU_ONLY)) return ZE_RESULT_ERROR_UNINITIALIZED;
    return opens() ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_UNINITIALIZED;
}

static ze_result_t one(uint32_t *count, void **handles, void *handle) {
    if (*count == 0 || handles == NULL) {
        *count = 1;
        return ZE_RESULT_SUCCESS;
    }
    *count = 1;
    *handles = handle;
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL init_drivers(uint32_t *count, ze_driver_handle_t *handles,
                                           ze_init_driver_type_desc_t *wanted) {
    if (!(wanted->flags & ZE_INIT_DRIVER_TYPE_FLAG_NPU) || !opens()) return ZE_RESULT_ERROR_UNINITIALIZED;
    return one(count, (void **)handles, &driver);
}

static ze_result_t ZE_APICALL get_drivers(uint32_t *count, ze_driver_handle_t *handles) {
    return one(count, (void **)handles, &driver);
}

static ze_result_t ZE_APICALL get_api_version(ze_driver_handle_t of, ze_api_version_t *version) {
    (void)of;
    *version = ZE_API_VERSION_CURRENT;
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL get_driver_properties(ze_driver_handle_t of, ze_driver_properties_t *properties) {
    (void)of;
    properties->uuid = DRIVER_UUID;
    properties->driverVersion = DRIVER_VERSION;
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL get_ipc_properties(ze_driver_handle_t of, ze_driver_ipc_properties_t *properties) {
    (void)of;
    properties->flags = 0;
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL get_extensions(ze_driver_handle_t of, uint32_t *count,
                                             ze_driver_extension_properties_t *properties) {
    (void)of;
    if (properties) {
        if (*count > COUNT(EXTENSIONS)) *count = COUNT(EXTENSIONS);
        memcpy(properties, EXTENSIONS, *count * sizeof *properties);
    } else {
        *count = COUNT(EXTENSIONS);
    }
    return ZE_RESULT_SUCCESS;
}

/* Functions of the extensions: none compiles or runs anything here. */
static void *graph_functions[64];

static ze_result_t ZE_APICALL get_function(ze_driver_handle_t of, const char *name, void **address) {
    (void)of;
    for (size_t i = 0; i < COUNT(EXTENSIONS); i++) {
        if (strcmp(name, EXTENSIONS[i].name) != 0) continue;
        for (size_t j = 0; j < COUNT(graph_functions); j++) graph_functions[j] = (void *)unsupported;
        *address = graph_functions;
        return ZE_RESULT_SUCCESS;
    }
    return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE;
}

static ze_result_t ZE_APICALL get_devices(ze_driver_handle_t of, uint32_t *count, ze_device_handle_t *handles) {
    (void)of;
    return one(count, (void **)handles, &device);
}

static ze_result_t ZE_APICALL get_device_properties(ze_device_handle_t of, ze_device_properties_t *properties) {
    struct sysinfo memory;
    (void)of;
    properties->type = ZE_DEVICE_TYPE_VPU;
    properties->vendorId = 0x8086;
    properties->deviceId = 0x7d1d;
    properties->flags = ZE_DEVICE_PROPERTY_FLAG_INTEGRATED;
    properties->coreClockRate = 1400;
    properties->maxMemAllocSize = sysinfo(&memory) == 0 ? memory.totalram * memory.mem_unit : 0;
    properties->maxHardwareContexts = 128;
    properties->numThreadsPerEU = 1;
    properties->physicalEUSimdWidth = 2048;
    properties->numEUsPerSubslice = 2;
    properties->numSubslicesPerSlice = 1;
    properties->numSlices = 2;
    properties->timerResolution = 26;
    properties->timestampValidBits = 64;
    properties->uuid = DEVICE_UUID;
    snprintf(properties->name, sizeof properties->name, "Intel(R) AI Boost");
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL get_pci_properties(ze_device_handle_t of, ze_pci_ext_properties_t *properties) {
    (void)of;
    properties->address = (ze_pci_address_ext_t){0, 0, 0x0b, 0};
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL get_queue_groups(ze_device_handle_t of, uint32_t *count,
                                               ze_command_queue_group_properties_t *properties) {
    (void)of;
    *count = 1;
    if (properties) {
        properties->flags = ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE;
        properties->maxMemoryFillPatternSize = 1;
        properties->numQueues = 1;
    }
    return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL create_context(ze_driver_handle_t of, const ze_context_desc_t *wanted,
                                             ze_context_handle_t *made) {
    (void)of;
    (void)wanted;
    *made = (ze_context_handle_t)calloc(1, sizeof(object_t));
    return *made ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
}

static ze_result_t ZE_APICALL destroy_context(ze_context_handle_t made) {
    free(made);
    return ZE_RESULT_SUCCESS;
}

/* Every function that is not said otherwise answers that it is not supported. */
#define TABLE(Name, name, ...)                                                                       \
    EXPORT ze_result_t ZE_APICALL zeGet##Name##ProcAddrTable(ze_api_version_t version,               \
                                                             ze_##name##_dditable_t *table) {        \
        if (ZE_MAJOR_VERSION(version) != 1) return ZE_RESULT_ERROR_UNSUPPORTED_VERSION;              \
        for (void **entry = (void **)table; entry < (void **)(table + 1); entry++)                   \
            *entry = (void *)unsupported;                                                            \
        __VA_ARGS__                                                                                  \
        return ZE_RESULT_SUCCESS;                                                                    \
    }

TABLE(Global, global, table->pfnInit = initialize; table->pfnInitDrivers = init_drivers;)
TABLE(Driver, driver, table->pfnGet = get_drivers; table->pfnGetApiVersion = get_api_version;
      table->pfnGetProperties = get_driver_properties; table->pfnGetIpcProperties = get_ipc_properties;
      table->pfnGetExtensionProperties = get_extensions;
      table->pfnGetExtensionFunctionAddress = get_function;)
TABLE(Device, device, table->pfnGet = get_devices; table->pfnGetProperties = get_device_properties;
      table->pfnGetCommandQueueGroupProperties = get_queue_groups;
      table->pfnPciGetPropertiesExt = get_pci_properties;)
TABLE(Context, context, table->pfnCreate = create_context; table->pfnDestroy = destroy_context;)
TABLE(CommandQueue, command_queue, )
TABLE(CommandList, command_list, )
TABLE(Event, event, )
TABLE(EventPool, event_pool, )
TABLE(Fence, fence, )
TABLE(Image, image, )
TABLE(Kernel, kernel, )
TABLE(Mem, mem, )
TABLE(Module, module, )
TABLE(ModuleBuildLog, module_build_log, )
TABLE(PhysicalMem, physical_mem, )
TABLE(Sampler, sampler, )
TABLE(VirtualMem, virtual_mem, )

/* The loader takes a driver for one only with the tables of its tools, too; here they stay empty. */
#define EMPTY(name)                                                        \
    EXPORT ze_result_t name(ze_api_version_t version, void *table) {       \
        return ZE_MAJOR_VERSION(version) == 1 && table ? ZE_RESULT_SUCCESS \
                                                       : ZE_RESULT_ERROR_UNSUPPORTED_VERSION; \
    }
#define TOOLS(Name) EMPTY(zetGet##Name##ProcAddrTable)
#define MANAGEMENT(Name) EMPTY(zesGet##Name##ProcAddrTable)

TOOLS(CommandList)
TOOLS(Context)
TOOLS(Debug)
TOOLS(Device)
TOOLS(Kernel)
TOOLS(Metric)
TOOLS(MetricGroup)
TOOLS(MetricQuery)
TOOLS(MetricQueryPool)
TOOLS(MetricStreamer)
TOOLS(Module)
TOOLS(TracerExp)
MANAGEMENT(Device)
MANAGEMENT(Diagnostics)
MANAGEMENT(Driver)
MANAGEMENT(Engine)
MANAGEMENT(FabricPort)
MANAGEMENT(Fan)
MANAGEMENT(Firmware)
MANAGEMENT(Frequency)
MANAGEMENT(Global)
MANAGEMENT(Led)
MANAGEMENT(Memory)
MANAGEMENT(Overclock)
MANAGEMENT(PerformanceFactor)
MANAGEMENT(Power)
MANAGEMENT(Psu)
MANAGEMENT(Ras)
MANAGEMENT(Scheduler)
MANAGEMENT(Standby)
MANAGEMENT(Temperature)
